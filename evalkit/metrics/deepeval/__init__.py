"""DeepEval's own metrics, `deepeval/<metric>`: its prompts and formulas over evalkit's judge.

Every metric that can be fed from a case and its answer is here by name; `refused` says why the
others are not.
"""
