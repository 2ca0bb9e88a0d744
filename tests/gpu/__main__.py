"""`python -m tests.gpu`, which `make gpu-check` runs."""

import sys

from tests.gpu.check import main

sys.exit(main())
