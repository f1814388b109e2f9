"""Arguments of the commands that take files and switches rather than `KEY=VALUE`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from harness.config.validate import ConfigError


class Parser(argparse.ArgumentParser):
    """Python's own, whose faults are a ConfigError of one line; help is the command line's."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            ConfigError: always.
        """
        raise ConfigError([" ".join(message.split())])
