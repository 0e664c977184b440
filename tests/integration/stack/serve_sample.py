"""Runs the sample template as `forecourt up --json` runs the project's own."""

import argparse
import sys
from pathlib import Path

from local.commands.up import serve
from local.failures import StackError
from local.stack_options import StackOptions

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=Path)
parser.add_argument("--template", type=Path)
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--database-url")
parser.add_argument("--easycars-url")
parser.add_argument("--dynamics-url")
try:
    serve(StackOptions(**vars(parser.parse_args())), as_json=True)
except StackError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(error.exit_code)
