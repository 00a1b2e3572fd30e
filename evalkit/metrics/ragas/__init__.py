"""RAGAS's own four RAG metrics, `ragas/<metric>`: its prompts and formulas over evalkit's judge.

They are for teams that compare with figures they already have; evalkit's own metrics of the same
names keep the formulas, ask fewer calls and check what the judge returns.
"""
