"""`asteroid-taxonomy COMMAND ...`, which is `python -m asteroid_taxonomy COMMAND ...`.

Finds the command and loads it alone: what the others need is neither waited for nor required.
"""

import argparse
import importlib
import sys

from asteroid_taxonomy import __version__
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.determinism import pin

COMMANDS = {
    "classify": "give the spectra in your files a complex",
    "lookup": "print what is known of an asteroid, by number or name",
    "show-model": "print what an ONNX file says about itself",
    "provenance": "print where a table comes from: archive, query, citation",
    "recipe": "run a file of experiments/ as a DVC experiment",
    "search": "search hyperparameters by nested cross-validation",
    "demo": "run the whole pipeline on a simulated survey, without network",
    "check-cache": "find damaged objects in a DVC cache or remote",
}

ALONE = {"classify", "lookup"}  # the package without its extras is enough
READ_PARAMS = {"pydantic", "ruamel"}  # with which even these read a project's params.yaml


def command(arguments: list[str]) -> None:
    """Run the command that the first argument names with the rest.

    Raises
    ------
    PipelineError
        The command needs a package that is not installed.
    SystemExit
        0 after --help and --version, 2 for arguments that are missing or not understood.
    """
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="asteroid-taxonomy", usage="%(prog)s COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Taxonomic complexes of asteroids from their reflectance spectra.",
        epilog="commands:\n" + "\n".join(f"  {name:{width}}  {what}"
                                         for name, what in COMMANDS.items())
               + "\n\n`asteroid-taxonomy COMMAND --help` tells the rest.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    if not arguments:
        parser.print_help(sys.stderr)
        sys.exit(2)
    # what follows the command is the command's, --help among it
    name = parser.parse_args(arguments[:1]).command
    pin()
    try:
        module = importlib.import_module(
            f"asteroid_taxonomy.commands.{name.replace('-', '_')}")
        module.main(arguments[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("asteroid_taxonomy"):
            raise
        enough = name in ALONE and (error.name or "").split(".")[0] not in READ_PARAMS
        what = "." if enough else "'.[pipeline]'"
        raise PipelineError(f"{name} needs {error.name}, which is not installed; run `pip install "
                            f"{what}` in the project's folder") from None


def main() -> None:
    """Run the command that the command line names and end with its exit code."""
    run(lambda: command(sys.argv[1:]))


if __name__ == "__main__":
    main()
