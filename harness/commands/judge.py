"""Have a model judge the answers of finished runs; `harness report` then has its scores.

    harness judge runs/SWEEP model=NAME url=http://127.0.0.1:8000/v1
    harness judge runs/SWEEP model=NAME kind=rubric
    harness judge runs/SWEEP model=NAME kind=pairs baseline=full

Any OpenAI-compatible server will do; its key is read from $OPENAI_API_KEY. The judge does not learn
which arm answered. Replies are kept in runs/SWEEP/.judge, so that nothing is asked twice, and a
command that was interrupted goes on. How far the judge agrees with exact match is said first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from harness.commands.arguments import alone_at, finished_runs, nothing_finished
from harness.commands.help import Keys
from harness.config.compose import command_config
from harness.config.judge import Judge
from harness.config.names import name_faults
from harness.config.validate import ConfigError
from harness.judging import agreement, client
from harness.judging.client import Client
from harness.judging.pairs import Pair, judge_pairs
from harness.judging.questions import rubric_question, score_question
from harness.judging.replies import replies_in
from harness.records import JUDGED, RESPONSES, ResponseRecord, Scale
from harness.records.storage import read_jsonl, write_json
from harness.records.visible import visible
from harness.run.rescore import write_scores
from harness.scoring import SCORES

KEYS = Keys("judge", Judge)

SCALE = Scale(unit="of 100", better="higher")
NAMES = {"score": "judge", "rubric": "judge_rubric", "pairs": "judge_pairs"}
"""Kind -> the score's name, and that of the file beside the replies."""


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    folders = [text for text in arguments if "=" not in text]
    keys = [text for text in arguments if "=" in text]
    config = command_config("judge", Judge, keys, texts=("model", "url", "name", "baseline"))
    wrong = [] if config.model else ["model: missing, expected model=NAME, as the server calls it"]
    wrong += faults(config)
    if len(folders) != 1:
        wrong.append("expected one folder, such as runs/SWEEP, and KEY=VALUE")
    elif not finished_runs(Path(folders[0])):
        wrong.append(nothing_finished(Path(folders[0])))
    if wrong:
        raise ConfigError(wrong)
    judge(Path(folders[0]), config)
    return 0


def judged(folder: Path, config: Judge) -> list[str]:
    """Judge what a launch has finished; a line where that fails, which hurts no run."""
    try:
        judge(folder, config)
    except Exception as error:  # of whatever kind: the runs are done
        said = visible(" ".join(str(error).split()) or type(error).__name__)
        again = f"harness judge {folder} model={config.model} url={config.url} kind={config.kind}"
        return [f"the answers are not judged: {said}; later: {again}"]
    return []


def faults(config: Judge) -> list[str]:
    """A line for each thing that is wrong before anything is asked."""
    name = config.name or NAMES[config.kind]
    found = name_faults("name", name)
    if name in SCORES:
        found.append(f"name={name}: a score of that name is measured, expected another")
    return found + client.faults(config)


def judge(folder: Path, config: Judge) -> None:
    """Judge the finished runs of a folder; what was asked before is not asked again.

    Raises:
        ConfigError: there are no pairs, or a launch is at a run.
        RecordError: a record is broken.
        Unanswered: the server does not answer, or refuses.
        OSError: the folder cannot be written.
    """
    config = replace(config, name=config.name or NAMES[config.kind])
    asking = Client(config, replies_in(folder))
    (_pairs if config.kind == "pairs" else _scores)(folder, config, asking)
    forms = ", ".join(sorted(filter(None, asking.forms)))
    cost = (asking.tokens_in * config.price_in + asking.tokens_out * config.price_out) / 1e6
    print(
        f"asked {asking.asked:,} times; all replies: {asking.tokens_in:,} tokens in, "
        f"{asking.tokens_out:,} out"
        + (f", cost {cost:.4f}" if cost else "")
        + (f"; replies as {forms}" if forms else "")
    )


def _scores(folder: Path, config: Judge, asking: Client) -> None:
    """Judge every answer, and write the scores into the runs' records."""
    question = rubric_question if config.kind == "rubric" else score_question
    answers = {run: _answers(run) for run in finished_runs(folder)}
    every = [(run, record) for run, records in answers.items() for record in records]
    said = asking.ask_all([question(record) for _, record in every])
    exact = [record.scores.get("exact_match") for _, record in every]
    line = agreement.of_scores(list(zip(exact, said, strict=True)))
    print(line)
    judged: dict[Path, list[ResponseRecord]] = {run: [] for run in answers}
    for (run, record), value in zip(every, said, strict=True):
        judged[run].append(replace(record, scores=record.scores | {config.name: value}))
    for run, records in judged.items():
        with alone_at(run):
            result = write_scores(run, records, {config.name: SCALE})
        mean, count = result.scores[config.name], result.scored[config.name]
        shown = "null" if mean is None else f"{mean:.1f}"
        print(f"{run.name}: {config.name} {shown} over {count} of {len(records)} answers")
    others = [
        {name: value for name, value in record.scores.items() if name != config.name}
        for _, record in every
    ]
    ranks = agreement.rank_correlation(others, said)
    counts = {"unread": said.count(None), "answers": len(said)}
    _write(folder, config, asking, line, {**counts, "rank_correlation": ranks})


def _pairs(folder: Path, config: Judge, asking: Client) -> None:
    """Judge the arms' answers against the baseline's, and print who won how often."""
    pairs, answers, baseline = _paired(folder, config.baseline)
    judge_pairs(asking, pairs, answers)
    line = agreement.of_pairs([(*pair.exact, pair.verdict) for pair in pairs])
    print(line)
    arms = {}
    for arm in dict.fromkeys(pair.arm for pair in pairs):
        own = [pair.verdict for pair in pairs if pair.arm == arm]
        read = [verdict for verdict in own if verdict is not None]
        rate = sum(read) / len(read) if read else None
        wins, ties, losses = (read.count(value) for value in (1.0, 0.5, 0.0))
        arms[arm] = {"wins": wins, "ties": ties, "losses": losses, "rate": rate}
        shown = "null" if rate is None else f"{rate:.1%}"
        print(
            f"{arm} against {baseline}: {shown} ({wins} won, {ties} tied, {losses} lost, "
            f"{own.count(None)} not to be read)"
        )
    torn = [pair for pair in pairs if None not in pair.orders and len(set(pair.orders)) > 1]
    print(f"the two orders disagree in {len(torn)} of {len(pairs)} pairs, which count as ties")
    found = {"baseline": baseline, "arms": arms, "pairs": [asdict(pair) for pair in pairs]}
    _write(folder, config, asking, line, found)


def _paired(
    folder: Path, baseline: str
) -> tuple[list[Pair], list[tuple[ResponseRecord, ResponseRecord]], str]:
    """Every arm's answers with the baseline's to the same prompts, of the same condition, size and
    seed.

    Raises:
        ConfigError: there is no such arm, or no other.
    """
    from analysis.load import LoadError, load

    try:
        runs = load(folder)
    except LoadError as error:
        raise ConfigError([str(error)]) from None
    arms = sorted(runs["arm"].unique())
    baseline = baseline or ("full" if "full" in arms else arms[0])
    if baseline not in arms or len(arms) < 2:
        raise ConfigError([f"baseline={baseline}: found {', '.join(arms)}, expected two arms"])
    cells = {
        (row["condition"], row["n_examples"], row["seed"], row["arm"]): Path(row["path"])
        for row in runs.to_dict("records")
    }
    pairs, answers = [], []
    for (*cell, arm), path in cells.items():
        other = cells.get((*cell, baseline))
        if arm == baseline or other is None:
            continue
        theirs = {record.id: record for record in _answers(other)}
        for record in _answers(path):
            if record.id in theirs:
                both = (record, theirs[record.id])
                exact = (both[0].scores.get("exact_match"), both[1].scores.get("exact_match"))
                pairs.append(Pair(arm=arm, run=path.name, id=record.id, exact=exact))
                answers.append(both)
    return pairs, answers, baseline


def _answers(run: Path) -> list[ResponseRecord]:
    return list(read_jsonl(run / RESPONSES, ResponseRecord))


def _write(
    folder: Path, config: Judge, asking: Client, line: str, found: Mapping[str, object]
) -> None:
    """Keep who judged how beside the replies."""
    about = {
        "model": config.model,
        "kind": config.kind,
        "forms": dict(asking.forms),
        "agreement": line,
    }
    write_json(folder / JUDGED / f"{config.name}.json", {**about, **found})
