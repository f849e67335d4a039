"""Runs `up` for the program of a folder, by the SDK itself: then no language host is needed beside the engine."""

import runpy
import sys

from pulumi import automation

folder = sys.argv[1]
stack = automation.create_or_select_stack(
    stack_name="prod",
    project_name="farm",
    program=lambda: runpy.run_path(f"{folder}/__main__.py"),
    opts=automation.LocalWorkspaceOptions(work_dir=folder),
)
stack.up(on_output=print)
