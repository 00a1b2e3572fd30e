"""Starts, watches and stops vLLM servers; knows no provider and no request but its own two."""
