"""Scores added to a finished run: its answers are kept, so nothing is asked again. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError
from yaml import YAMLError

from harness.config.schema import Data
from harness.data.errors import DataError
from harness.data.example import Example
from harness.data.sources import load
from harness.paths import CONF
from harness.records import CONFIG, RESPONSES, RESULT, ResponseRecord, Result, Scale
from harness.records.storage import RecordError, append, read_json, read_jsonl, write_json
from harness.records.yaml_text import read_text
from harness.scoring import Answer, score
from harness.scoring.figures import scales_of, scored


def rescore(folder: Path, names: Sequence[str]) -> Result:
    """Score a run's answers, and add the figures to its answers and its result.

    Scores that it has are made anew where they are named, and stay as they are otherwise.

    Raises:
        RecordError: the run is not finished, or a record is broken.
        UnknownName: there is no score of a name.
        DataError: the data are not to be had, or lack an example that was asked.
        OSError: the folder cannot be written.
    """
    read_json(folder / RESULT, Result)
    splits = load(_data(folder / CONFIG))
    examples = {each.id: each for each in (*splits.test, *splits.test_families)}
    responses = [
        _rescored(record, examples, names)
        for record in read_jsonl(folder / RESPONSES, ResponseRecord)
    ]
    return write_scores(folder, responses, scales_of(names))


def write_scores(
    folder: Path, responses: Sequence[ResponseRecord], scales: Mapping[str, Scale]
) -> Result:
    """Put scored answers in the place of a run's, and the means of these scores into its result.

    Each file is replaced in one step; a command that is killed between them mends it when it is
    given again.

    Args:
        folder: the run's.
        responses: all of its answers.
        scales: name of each score that was added or made anew -> how to read it.

    Raises:
        RecordError: the result is broken.
        OSError: the folder cannot be written.
    """
    result = read_json(folder / RESULT, Result)
    partial = folder / f".{RESPONSES}.partial"
    with partial.open("w", encoding="utf-8") as file:
        for record in responses:
            append(file, record)
    partial.replace(folder / RESPONSES)
    added = scored(responses, scales)
    families = {
        family: means | added.families.get(family, {}) for family, means in result.families.items()
    }
    result = replace(
        result,
        scores=result.scores | added.scores,
        scored=result.scored | added.scored,
        scales=result.scales | added.scales,
        families=families,
    )
    write_json(folder / RESULT, result)
    return result


def _rescored(
    record: ResponseRecord, examples: dict[str, Example], names: Sequence[str]
) -> ResponseRecord:
    if record.id not in examples:
        raise DataError(f"{record.id}: no such example in the run's data, expected what was asked")
    answer = Answer(examples[record.id], record.response, ended=bool(record.scores["ended"]))
    return replace(record, scores=record.scores | score(answer, names))


def _data(path: Path) -> Data:
    """The data config of a run, all that is needed here of what may be of an older version.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(StringIO(read_text(path))))
        base = OmegaConf.to_container(OmegaConf.load(CONF / "data" / "_base.yaml"))
        assert isinstance(content, dict) and isinstance(content.get("data"), dict)
        assert isinstance(base, dict)  # keys that a run of an older version has not
        return TypeAdapter(Data).validate_json(json.dumps(base | content["data"]))
    except (OSError, OmegaConfBaseException, YAMLError, ValidationError, AssertionError) as error:
        raise RecordError(
            f"{path}: {str(error).splitlines()[0]}, expected a run's config"
        ) from None
