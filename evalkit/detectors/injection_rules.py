"""The injection detector's rules: a name, and a pattern over the folded text.

Every gap between two words is bounded, so that no pattern needs more than linear time. Verbs stand
in their base form: "ignore the previous instructions" is an order, "he ignored the orders" a story.
"""

from __future__ import annotations

import re


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


# Up to so many characters within one sentence; a stop inside a name or before a quote ends none.
_NEAR = r"[^.!?\n]{0,40}?"
_FAR = r"(?:[^.!?\n]|[.!?](?=[\w\"'”])){0,90}?"
_FORGET = r"\b(?:ignore|disregard|forget|overlook|override|bypass|neglect)\b"
_SAY = (
    r"(?:say|state|print|write|output|tell|reply|respond|answer|give|repeat|return|display|read|"
    r"claim|admit|conclude|report|declare)"
)
_CHANGE = (
    r"(?:add|append|include|insert|integrate|modify|augment|enhance|begin|start|end|finish|close|"
    r"prefix|replace|substitute|convert|render|provide|remove|group|combine|scramble|jumble|"
    r"rearrange|anagram|misspell|introduce|use|encode|translate|format|wrap|write|give|make|change|"
    r"put|embed|mention|repeat|limit)"
)
_REPLY = r"your\s(?:\w+\s)?(?:answer|response|reply|output|message|summary|completion)\b"
# Quoted, or with digits among the letters: five capitals alone are a name or a heading.
_CODE = r"(?:[\"'“‘`«][A-Z0-9]{5,24}[\"'”’`»]|\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{5,24}\b)"

ANYWHERE = {
    "override": _pattern(
        rf"{_FORGET} {_NEAR} \b(?:instructions?|prompts?|directions|directives?|guidelines|"
        r"commands|rules|restrictions|training|messages?)\b"
        rf"|{_FORGET} \s(?:\w+\s){{0,3}}(?:above|every?thing|all)\b {_NEAR}"
        r"\b(?:and|told|said|instructed|you)\b"
        rf"|{_FORGET} \s(?:the|this|that|all|any)\s(?:\w+\s){{1,3}}and\s(?:\w+\s)?{_SAY}\b"
    ),
    "override_translated": re.compile(
        r"\bignor(?:a|e|ez|ieren|are|ate|eer)\s[a-z]{1,6}\b"
        r"[^.!?\n]{0,30}\b(?:instrucc|instruco|instructions\sprec|instruk|anweisung|istruzion|"
        r"fonct|pagina|indicacion)"
        r"|\b(?:olvida|vergiss|vergessen|oubliez?|dimentica|esqueca)\b[^.!?\n]{0,30}"
        r"(?:instruc|anweisung|istruzion)"
        r"|игнорир\w*[^.!?\n]{0,30}(?:инструкц|указан)|αγνοησ\w*[^.!?\n]{0,30}οδηγι"
        r"|忽略[^。\n]{0,10}(?:指示|指令|说明)|(?:指示|指令)[^。\n]{0,6}無視|無視して"
        r"|지시[^.\n]{0,8}무시|निरदश[^।\n]{0,12}अनदख|تجاهل[^.\n]{0,12}التعليمات",
        re.IGNORECASE,
    ),
    "role_tag": _pattern(
        r"<\|\s?(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\b"
        r"|\[/?INST\]|<</?SYS>>|</?\s?(?:system|assistant|developer|instructions?)\b[^<>]{0,40}>"
        r"|(?:^|\n)[ ]{0,8}\#{2,4}\s?(?:system|instructions?|new\sinstructions?)\b"
        r"|\[(?:system|assistant|developer)\b[^\[\]]{0,30}\]"
        r"|(?:^|\n)[ ]{0,8}(?:system|assistant|developer)(?:\s(?:message|prompt|note))?\s?:"
        r"|[\"'](?:role|from)[\"']\s?:\s?[\"'](?:system|assistant|developer)[\"']"
    ),
    "mode": _pattern(
        r"\b(?:override|god|dan|jailbreak|unrestricted)[\s_]mode\b"
        r"|\b(?:enter|entering|activate|enable|initiating|entered)\b"
        r" [^.!?\n]{0,30}?[\s'_](?:debug|developer|maintenance|admin|system|override|verification)"
        r"[\s_](?:mode|reset|override)\b"
        r"|\b(?:system|developer|admin)[\s_]mode[\s_](?:activated|enabled|on)\b"
        r"|<\\?[^<>\n]{0,40}(?:system|god|override)[\s_]mode[^<>\n]{0,40}>"
        r"|\bdata\soverride\s?:|\bdo\sanything\snow\b|\byou\sare\snow\s(?:an?|in|dan|the)\b"
        r"|\bfrom\snow\son\b,?\syou\s(?:are|must|will|shall|should)\b"
        r"|\bi(?:\sa|')m\s(?:actually\s)?(?:your\s(?:developer|creator|maintainer|admin\w*|boss)|god)\b"
        r"|\bas\syour\s(?:developer|creator|administrator)\b"
    ),
    "addressed_to_model": _pattern(
        r"\b(?:note|message|instructions?|attention|important|reminder|memo)\s(?:to|for)\s"
        r"(?:the\s|any\s|all\s)?(?:ai|assistants?|language\smodels?|llms?|chatbots?)\b"
        r"|\bif\syou\sare\san?\s(?:ai|llm|language\smodel|chatbot|assistant)\b"
        r"|\b(?:dear|hey|attention|hello)[,:]?\s(?:ai|llm|assistant|language\smodel|chatbot)\b"
        r"|\b(?:ai|llm|language\smodel|chatbot|assistant)s?\s(?:\w+\s){0,4}?"
        r"(?:must|should|shall)\s(?:now\s|always\s|also\s|first\s)?"
        r"(?:answer|respond|reply|write|output|ignore|say|include)\b"
    ),
    "output_code": _pattern(
        r"\b(?:write|output|print|append|add|include|insert|say|reply|respond|begin|end|emit|return|"
        r"give|put|type|join|combine|concatenate|show|quote|produce|place|finish|close)\b"
        rf" [^.!?\n]{{0,80}}? (?-i:{_CODE}) [^.!?\n]{{0,60}}? (?-i:{_CODE})"
        r"|\b(?:print|output|state|display|repeat|return)\s(?:only\s|exactly\s)?the\s"
        r"(?:following|words?|phrase|sentence|text)\b\s?(?::|verbatim|exactly|[\"'“‘])"
    ),
    "answer_steering": _pattern(
        rf"\b{_CHANGE}\b {_FAR} \b(?:in|to|of|with|from|before|after|for|into)?\s?{_REPLY}"
        rf"|\b{_CHANGE}\s(?:\w+\s){{0,4}}?{_REPLY}"
        rf"|\bin\s{_REPLY},?\s(?:\w+\s)?(?:suggest|tease|mention|include|add|tell|recommend|say|use)\b"
    ),
    "third_party_order": _pattern(
        r"\b(?:tell|ask|instruct|convince|persuade|request|requesting|urge|direct)\s(?:that\s)?"
        r"(?:the|this|your)\suser\s(?:to\s)?\w+"
        r"|\bsend\s(?:it|them|this|that|the\s\w+)\s(?:\w+\s){0,4}?to\s\S{1,60}@\S{1,60}"
        r"|!\[[^\[\]]{0,80}\]\(https?://[^()\s]{1,200}\?[^()\s]{1,200}\)"
    ),
    "put_in_mouth": _pattern(
        r"\b(?:we|let's|you)\s(?:might|could|should|can|will|must)?\s?(?:just\s)?"
        r"(?:state|say|admit|assume|pretend|claim)\s?"
        r"(?::|that\sthe\s(?:conclusion|capital|sum|output|answer|result)"
        r"|to\susing\s|the\s(?:sum|capital|output|answer|conclusion|result)\b)"
        r"|\b(?:say|state|print|output)\s?(?:the\sfollowing\s?)?:\s?[\"'“]?[A-Z]"
        r"|\bconsider\sthe\soutput\sas\b|\bthe\soutput\s(?:could|should|must)\sbe\b"
    ),
    "fake_boundary": _pattern(
        r"\b(?:end|start|beginning)\sof\s(?:the\s)?(?:context|passages?|user\s(?:input|question|query)|"
        r"system\sprompt|prompt|instructions?|retrieved\s\w+)\b"
        r"|\bnew\s(?:task|instructions?|system\sprompt)\s?:|\b(?:updated|revised)\sinstructions?\s?:"
    ),
}
"""Rules for documents, questions and answers alike."""

_SECRET = (
    r"(?:pass(?:word|phrase|code)s?|secret\s(?:key|code)|system\s(?:prompt|message)|api\skeys?|"
    r"initial\s(?:prompt|instructions)|confidential\sstring|credentials)"
)
USER_ONLY = {
    "secret_request": _pattern(
        rf"\b(?:what(?:'s|\sis|\swould)|(?:tell|give|show)\s(?:me)|share|reveal|print|confirm|"
        rf"provide|know|need|repeat|access)\s(?:\w+\s){{0,4}}?(?:your|the|our)\s(?:\w+\s)?{_SECRET}\b"
        rf"|\byour\s(?:\w+\s)?{_SECRET}\b {_NEAR} \bis\b"
        rf"|\b(?:write|encode|spell)\b {_NEAR} \b(?:the|your|our)\s{_SECRET}\b"
    ),
    "role_claim": _pattern(
        r"\bas\san\sai\s(?:developed|created|built|trained)\sby\b"
        r"|\b(?:pretend|act\sas\sif|imagine)\syou\s(?:have\sno|are\snot\sbound|can\sdo)\b"
        r"|\byou\s(?:are\sabout\sto|will\snow)\s(?:immerse|act|play|become)\b"
    ),
    "scripted_turns": _pattern(r"\bq:[^\n]{1,400}?\ba:[^\n]{1,400}?\bq:"),
    "payload_split": _pattern(
        r"\bpart\s?(?:1|one|a)\b [^\n]{0,80}? \bpart\s?(?:2|two|b)\b"
        r"|\b(?:combine|interlace|concatenate)\s(?:part\s1|a,|a\sand)|\b(?:two|three)\sstrings\s?:"
    ),
    "personal_data": _pattern(
        r"\b(?:user|john\sdoe|jane\sdoe|[a-z]+)(?:'s|s')\s(?:birth\s?(?:date|year|month|day)|"
        r"email\saddress|bank\s(?:account|balance)|(?:current\s)?city\sof\sresidence|home\saddress|"
        r"social\ssecurity\snumber|initials)\b"
        r"|\bwhere\s(?:does|is)\s(?:the\s)?user\s(?:\w+\s)?liv"
    ),
}
"""Rules for questions only: in a document the same words are ordinary."""

COMMENT = _pattern(
    rf"\b(?:ignore|{_SAY}|{_CHANGE})\b {_FAR} \b(?:answer|response|reply|user|code|following|"
    r"instead|you|your|exactly)\b|\b(?:assistant|language\smodel|ai|instructions?)\b"
)
"""What makes an HTML comment more than a note between authors."""
