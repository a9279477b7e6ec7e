"""What the benchmarks' scripts share: an interpreter with the packages that they need, and the outputs of commands."""

import subprocess
import sys
import venv


def with_requirements(requirements, home):
    """Installs these packages in an environment of their own, unless it has them, and gives its interpreter."""
    installed = home / "requirements.txt"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        print(f"installing {requirements}; minutes, the first time", file=sys.stderr, flush=True)
        venv.create(home, clear=True, with_pip=True)
        output(home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements)
        installed.write_text(requirements.read_text())
    return home / "bin" / "python"


def output(*command):
    """What a command prints; ends here if it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"failed: {' '.join(words)}")
    return result.stdout
