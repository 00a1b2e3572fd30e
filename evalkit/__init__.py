"""A regression gate for LLM and RAG applications: `pytest suites/` decides whether it may ship."""

__version__ = "0.1.0"
