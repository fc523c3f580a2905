"""`asteroid-taxonomy COMMAND ...`: find the command and run it.

Each command is a module of asteroid_taxonomy/commands/ with a `main(arguments)`. Only the command
that is run is imported, so that the dependencies of the others need not be installed.
"""

import argparse
import importlib.util
import sys

from asteroid_taxonomy import __version__
from asteroid_taxonomy.console import PipelineError, run, set_environment

COMMANDS = {
    "classify": "classify the spectra in your files",
    "lookup": "print the classification of asteroids, by number or name",
    "show-model": "print the metadata of an ONNX file",
    "provenance": "print the origin of a table: archive, query, citation",
}
PIPELINE_COMMANDS = {  # these need the optional dependencies [pipeline]
    "demo": "run the whole pipeline on the sample in data/sample, offline",
    "recipe": "run a recipe of experiments/ as a DVC experiment",
    "search": "search hyperparameters by nested cross-validation",
}


def command(arguments: list[str]) -> None:
    """Run the command named by the first argument with the remaining arguments.

    Raises
    ------
    PipelineError
        The command needs the packages of the pipeline, and they are not installed.
    SystemExit
        0 after --help and --version, 2 for missing or invalid arguments.
    """
    every = COMMANDS | PIPELINE_COMMANDS
    width = max(map(len, every))
    parser = argparse.ArgumentParser(
        prog="asteroid-taxonomy", usage="%(prog)s COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Taxonomic complexes of asteroids from their reflectance spectra.",
        epilog="\n".join(
            ["commands:", *(f"  {name:{width}}  {what}" for name, what in COMMANDS.items()),
             "\ncommands of the pipeline (pip install '.[pipeline]'):",
             *(f"  {name:{width}}  {what}" for name, what in PIPELINE_COMMANDS.items()),
             "\n`asteroid-taxonomy COMMAND --help` prints a command's options."]))
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("command", choices=every, metavar="COMMAND", help="one of those below")
    if not arguments:
        parser.print_help(sys.stderr)
        sys.exit(2)
    name = parser.parse_args(arguments[:1]).command
    set_environment()
    if name in PIPELINE_COMMANDS and not importlib.util.find_spec("dvc"):
        raise PipelineError(f"{name} needs the packages of the pipeline; run pip install "
                            "'.[pipeline]' in the project's folder")
    importlib.import_module(f"asteroid_taxonomy.commands.{name.replace('-', '_')}").main(
        arguments[1:])


def main() -> None:
    """Run the command given on the command line and exit with its code."""
    run(lambda: command(sys.argv[1:]))
