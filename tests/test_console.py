import subprocess
import sys

START = "from asteroid_taxonomy.console import run\nrun(lambda: print('line\\n' * 100_000))"


def test_a_reader_that_has_seen_enough_is_no_error():
    talk = subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    assert talk.stdout.readline() == "line\n"
    talk.stdout.close()
    assert (talk.stderr.read(), talk.wait()) == ("", 141)
    talk.stderr.close()
