"""Python in processes of their own, for tests of what a process has once: its memory, signals, environment."""

import os
import subprocess
import sys


def start(code, **environment):
    """Start Python on ``code``, with this process's path; leave what it prints to the caller."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, env=env, **pipes)


def printed(process):
    """Return what a process prints before it ends; what it complains of is the error if it ends badly."""
    with process:
        try:
            out, complaint = process.communicate(timeout=120)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, complaint
    return out.strip()


def in_a_process(code, **environment):
    return printed(start(code, **environment))
