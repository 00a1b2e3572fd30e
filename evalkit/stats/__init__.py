"""The statistics behind the gates: plain numbers in, plain numbers out.

Nothing here knows of a run, a metric or a gate. SciPy's special functions are loaded by the first
call that needs one, so that importing evalkit stays cheap.
"""
