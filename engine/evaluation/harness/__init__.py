"""Capability by lm-evaluation-harness, on the resident model.

lm-eval is an extra (`pip install pilothouse[eval]`) and slow to import, so nothing outside this package imports it, and
this package only once a config names a task.
"""

import logging

logging.getLogger("lm_eval").setLevel(logging.ERROR)  # it warns of being given a model, which is what we are here for
