"""DeepEval's metrics that cannot be fed from a case and its answer, and what each of them needs."""

from __future__ import annotations

from collections.abc import Mapping

_TURNS = "it judges a conversation turn by turn; a case has one input and one answer"
_VOICE = "it judges recorded speech; a case has one input and one answer, both text"
_TRACE = "it judges the trace of an agent's steps; an answer carries none"
_TOOLS = "it judges the tools an agent called; an answer carries none"
_IMAGES = "it judges images; cases and answers are text"
_RANKS = "it ranks the answers of several targets; a score is of one"
_TYPESAFE = "it is judged by a vendor's hosted classifier, not by the judge of the profile"

_BY_REASON = {
    _TURNS: """
        conversational_dag conversational_g_eval conversation_completeness goal_accuracy
        knowledge_retention mcp_task_completion multi_turn_mcp_use role_adherence tool_use
        topic_adherence turn_contextual_precision turn_contextual_recall turn_contextual_relevancy
        turn_faithfulness turn_relevancy
    """,
    _VOICE: """
        agent_responsiveness audio_glitch audio_integrity speech_intelligibility
        transcription_accuracy turn_taking_naturalness voice_consistency voice_naturalness
        voice_reliability
    """,
    _TRACE: "agent_loop_detection plan_adherence plan_quality step_efficiency task_completion",
    _TOOLS: "argument_correctness mcp_use tool_correctness tool_permission",
    _IMAGES: "image_coherence image_editing image_helpfulness image_reference text_to_image",
    _TYPESAFE: "conversational_jev_eval jev_eval",
    _RANKS: "arena_g_eval",
}

REFUSED: Mapping[str, str] = {
    f"deepeval/{metric}": why for why, metrics in _BY_REASON.items() for metric in metrics.split()
}
"""Name → reason, shown where a suite names one."""
