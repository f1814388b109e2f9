"""Put each trap's bug into a copy of the code and see its tests fail: `python tests/mutants.py
[TRAP ...]`.

Prints a line per bug and ends with code 1 where a test did not notice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Mutant(NamedTuple):
    """A bug.

    Attributes:
        trap: which trap or control.
        bug: what the change does, in words.
        file: the file that is changed.
        old, new: the text replaced, which stands there exactly once, and what replaces it.
        tests: pytest node ids relative to `tests/`, of which at least one must fail.
    """

    trap: str
    bug: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    Mutant("1", "each micro-batch divides by its own weight", "harness/train/loop.py",
           "(loss.total / divisor).sum().backward()",
           "(loss.total / batch.weights.sum()).sum().backward()",
           "test_loss.py::test_trap_1_gradients_do_not_depend_on_the_split_into_micro_batches"),
    Mutant("2", "the denominator is each row's own", "harness/train/normalisers.py",
           'return None, sum(sums.tolist()) or 1.0', 'return None, max(sums.tolist()) or 1.0',
           "test_loss.py::test_trap_2_two_workers_of_unequal_weight_add_up_to_one"),
    Mutant("3", "weights are taken before the shift", "harness/data/rows.py",
           "tokens.roles[1:], weights[1:]", "tokens.roles[1:], weights[:-1]",
           "test_loss.py::test_trap_3_the_denominator_is_the_weight_of_the_terms_that_enter"),
    Mutant("4", "the example normaliser counts rows without weight", "harness/train/normalisers.py",
           "float((sums > 0).sum() or 1)", "float(len(sums))",
           "test_loss.py::test_trap_4_a_row_without_weight_changes_neither_loss_nor_gradient"),
    Mutant("5", "the response normaliser divides by weights, which cancel",
           "harness/train/normalisers.py",
           "return None, float(answers.sum() or 1)", "return None, float(sums.sum() or 1)",
           "test_loss.py::test_trap_5_at_a_fixed_denominator_weights_scale_the_gradient"),
    Mutant("6", "fractions are rounded up to 1", "harness/data/masks.py",
           "weights: Floats = by_role[tokens.roles]",
           "weights: Floats = np.ceil(by_role[tokens.roles])",
           "test_masking.py::test_trap_6_a_fraction_is_neither_0_nor_1"),
    Mutant("6", "fractions are rounded down to 0 in the loss", "harness/train/loss.py",
           "weights = weights.to(exact)", "weights = weights.to(exact).floor()",
           "test_loss.py::test_trap_6_a_weight_of_a_half_differs_from_0_and_from_1"),
    Mutant("7", "a small prompt weight is rounded to nothing", "harness/train/loss.py",
           "weights = weights.to(exact)", "weights = weights.to(exact).round()",
           "test_loss.py::test_trap_7_a_small_prompt_weight_changes_the_gradient"),
    Mutant("7", "the mass per role counts tokens, not weights", "harness/train/steps.py",
           "np.bincount(laid.roles[span], exact, minlength=len(ROLES))",
           "np.bincount(laid.roles[span], minlength=len(ROLES))",
           "test_run.py::test_trap_7_the_weight_mass_of_each_role_is_recorded"),
    Mutant("8", "response and end count as one token each example", "harness/train/steps.py",
           "np.add.reduceat(is_answer.astype(np.int64), begins)",
           "np.maximum.reduceat(is_answer.astype(np.int64), begins)",
           "test_loss.py::test_trap_8_golden_value_of_each_normaliser"),
    Mutant("9", "evaluation stops on roles without weight", "harness/run/prepare.py",
           "return plain_rows(items[: self.run.score.train_examples] if split == \"train\" "
           "else items)",
           "return [type(row)(*(part[row.weights > 0] for part in row)) "
           "for row in weighted_rows(items, self.run, list)]",
           "test_run.py::test_trap_9_every_strategy_trains_and_is_evaluated"),
    Mutant("10", "normalising writes into the caller's weights", "harness/train/loss.py",
           "places = weights.nonzero().squeeze(1)", "places = weights.div_(2).nonzero().squeeze(1)",
           "test_loss.py::test_trap_10_the_loss_leaves_its_batch_as_it_was"),
    Mutant("11", "a cut example is not counted", "harness/data/encoded.py",
           "truncated = len(tokens.ids) > context\n",
           "truncated = len(tokens.ids) > context + 10**6\n",
           "test_batching.py::test_trap_11_and_12_truncated_rows_are_counted_and_stay_finite"),
    Mutant("12", "rows without weight are silently filtered", "harness/data/examples.py",
           "else _unranked(train, run)\n",
           "else _unranked(train, run)\n    rows = [row for row in rows if row.weights.any()]\n",
           "test_batching.py::test_trap_11_and_12_truncated_rows_are_counted_and_stay_finite"),
    Mutant("13", "a mask's rows are collated by a function of their own",
           "harness/data/examples.py",
           "shift(item.tokens, weigh(item.tokens, run.mask, alike))\n    return",
           "shift(item.tokens, weigh(item.tokens, run.mask, alike))._replace("
           "roles=item.tokens.roles[1:] * (run.mask.name != 'none'))\n    return",
           "test_batching.py::test_trap_13_and_14_every_strategy_sees_the_same_examples_in_the_same_order"),
    Mutant("14", "one arm drops its longest example", "harness/data/examples.py",
           "    return rows\n\n\n_rows",
           "    return rows[: len(rows) - (run.mask.name == 'full')]\n\n\n_rows",
           "test_batching.py::test_trap_13_and_14_every_strategy_sees_the_same_examples_in_the_same_order"),
    Mutant("15", "a micro-batch without weight has a loss of NaN", "harness/train/loop.py",
           "(loss.total / divisor).sum().backward()",
           "(loss.total / batch.weights.sum() * 1.0).sum().backward()",
           "test_loss.py::test_trap_15_a_micro_batch_without_weight_goes_backward_and_adds_nothing"),
    Mutant("16", "a cut row gets its end token back", "harness/data/encoded.py",
           "tokens = tokens.first(context)",
           "tokens.ids[context - 1] = tokenizer.end; tokens = tokens.first(context)",
           "test_batching.py::test_trap_16_a_truncated_row_trains_no_end"),
    Mutant("17", "text is encoded across segments", "harness/data/tokens.py",
           "new = tokenizer.markup(segment.text, first",
           "new = tokenizer.markup(segment.text + '\\n', first",
           "test_tokens.py::test_trap_17_bpe_does_not_merge_across_the_seam"),
    Mutant("17", "generation leaves out the template's last segment", "harness/data/prompt.py",
           "return segments[:cut]",
           "return (*segments[: cut - 1], segments[cut - 1]._replace(text='Answer:'))",
           "test_tokens.py::test_trap_17_generation_prompt_is_a_prefix_of_the_training_ids"),
    Mutant("18", "roles are found by searching for the first equal text", "harness/data/tokens.py",
           "roles += [ROLE_ID[segment.role]] * len(new)",
           "roles += [ROLE_ID[next(s.role for s in segments if s.text == segment.text)]] "
           "* len(new)",
           "test_tokens.py::test_trap_18_roles_are_stamped_and_never_searched_for"),
    Mutant("19", "a response begins at its marker in the text", "harness/data/tokens.py",
           "roles += [ROLE_ID[segment.role]] * len(new)",
           "roles += [ROLE_ID['response' if '### Response' in segment.text "
           "and segment.role != 'template' else segment.role]] * len(new)",
           "test_tokens.py::test_trap_19_markers_in_user_text_keep_the_users_role"),
    Mutant("20", "the first response token is off by one", "harness/data/rows.py",
           "return Row(tokens.ids[:-1], tokens.ids[1:], tokens.roles[1:], weights[1:])",
           "return Row(tokens.ids[:-1], tokens.ids[1:], tokens.roles[1:], "
           "np.append(weights[2:], weights[-1:]))",
           "test_batching.py::test_trap_20_weighted_targets_are_the_response_and_the_end"),
    Mutant("21", "targets are shifted twice", "harness/data/rows.py",
           "return Row(tokens.ids[:-1], tokens.ids[1:],",
           "return Row(tokens.ids[:-1], np.append(tokens.ids[2:], 0),",
           "test_loss.py::test_trap_21_one_shift_a_model_with_a_known_answer"),
    Mutant("22", "special tokens in user text are special", "harness/data/byte_pairs.py",
           "encode_ordinary(", "encode(allowed_special='all', text=",
           "test_tokens.py::test_trap_22_special_tokens_in_user_text_are_plain_text"),
    Mutant("22", "the end token is masked as if it were padding", "harness/data/masks.py",
           "weights: Floats = by_role[tokens.roles]",
           "weights: Floats = by_role[tokens.roles] * (tokens.ids != tokens.ids[-1])",
           "test_masking.py::test_trap_24_golden_weights_per_role"),
    Mutant("23", "the end stands outside the trained span", "conf/mask/_base.yaml",
           "end: 1.0}\nkeep",
           "end: 0.0}\nkeep", "test_model.py::test_trap_23_a_model_that_learned_one_row_stops"),
    Mutant("24", "the response header stays in the loss", "harness/data/prompt.py",
           'Segment("template", form.assistant, at)', 'Segment("response", form.assistant, at)',
           "test_masking.py::test_trap_24_golden_weights_per_role"),
    Mutant("25", "training text begins with a token of its own", "harness/data/prompt.py",
           'segments = [Segment("template", form.preamble, 0)]',
           'segments = [Segment("end", "", 0), Segment("template", form.preamble, 0)]',
           "test_tokens.py::test_trap_25_no_token_stands_before_the_first_segment"),
    Mutant("26", "a mask that weighs nothing passes", "harness/data/examples.py",
           "    if not any(row.weights.any() for row in rows):\n        raise",
           "    if not rows:\n        raise",
           "test_masking.py::test_trap_26_a_mask_without_any_weight_is_an_error_that_names_the_example"),
    Mutant("27", "the separator stands after the last answer alone", "harness/data/prompt.py",
           'Segment("template", form.separator if turn else "", at)',
           'Segment("template", form.separator if turn or len(example.messages) > 2 else "", at)',
           "test_tokens.py::test_trap_27_a_longer_conversation_begins_with_the_shorter"),
    Mutant("28", "another option drops the mask", "harness/run/prepare.py",
           "steps = plan(*_batches(run, rows), run.train.epochs, run.seed)",
           "rows = plain_rows(examples.train); "
           "steps = plan(*_batches(run, rows), run.train.epochs, run.seed)",
           "test_run.py::test_trap_28_the_realised_share_of_weighted_tokens_is_recorded "
           "test_run.py::test_trap_7_the_weight_mass_of_each_role_is_recorded"),
    Mutant("29", "the cache of tokens forgets the template", "harness/data/encoded.py",
           "(template, tokenizer.digest, context), {}", '("", tokenizer.digest, context), {}',
           "test_batching.py::test_trap_29_cached_tokens_follow_text_template_tokenizer_and_length"),
    Mutant("30", "examples of one batch share their positions' keys", "harness/train/batch.py",
           "full = bool((lengths == length).all())",
           "lengths, owner, length, full = np.array([len(owner)]), owner * 0, len(owner), True",
           "test_batching.py::test_trap_30_a_batch_has_the_states_of_its_rows_alone"),
    Mutant("31", "evaluation averages batch means", "harness/train/evaluate.py",
           "nll = _nll(model, batch, precision).double().flatten()",
           "nll = _nll(model, batch, precision).double().flatten() / len(numbers[0])",
           "test_batching.py::test_trap_31_evaluation_does_not_depend_on_the_batch_size"),
    Mutant("32", "evaluation uses the arm's own weights", "harness/train/evaluate.py",
           "nll = _nll(model, batch, precision).double().flatten()",
           "nll = (_nll(model, batch, precision).double() * batch.weights).flatten()",
           "test_batching.py::test_trap_32_evaluation_knows_no_mask_and_reports_each_role_apart"),
    Mutant("33", "a role of a template is never stamped", "harness/data/prompt.py",
           'Segment("input", message.input, at)', 'Segment(asked, message.input, at)',
           "test_tokens.py::test_trap_33_every_role_occurs_in_every_template"),
    Mutant("null", "full still trains the instruction a little",
           "conf/mask/full.yaml", "name: full\n", "name: full\nweight: {instruction: 0.0001}\n",
           "test_masking.py::test_null_control_prompt_weight_1_is_none_and_0_is_full"),
    Mutant("null", "the random measure is the frequency measure", "harness/data/measures.py",
           "return ranking.rng.random(len(ranking.tokens.ids), np.float32)",
           "return ranking.idf()[ranking.tokens.ids]",
           "test_masking.py::test_null_control_a_random_mask_of_equal_dose_differs_from_partial"),
]  # fmt: skip


def caught(mutant: Mutant) -> str:
    """Run a mutant's tests on a changed copy: "caught", or what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".*", "runs", "docs", "__pycache__")
        )
        path = copy / mutant.file
        text = path.read_text("utf-8")
        if text.count(mutant.old) != 1:
            return f"the text to change stands {text.count(mutant.old)} times in {mutant.file}"
        path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
        nodes = [str(copy / "tests" / node) for node in mutant.tests.split()]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *nodes]
        environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    # Code 1: tests ran and some failed. Any other code means that they did not run.
    return {0: "NOT CAUGHT", 1: "caught"}.get(
        done.returncode, f"tests did not run: {done.stdout[-300:]}"
    )


def main(traps: list[str]) -> int:
    """Try the bugs of these traps, or all; return the exit code."""
    chosen = [mutant for mutant in MUTANTS if not traps or mutant.trap in traps]
    missed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, outcome in zip(chosen, pool.map(caught, chosen), strict=True):
            missed += outcome != "caught"
            print(f"{mutant.trap:>4}  {outcome:<10}  {mutant.bug}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} bugs caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
