# %% [markdown]
"""
# Two masks side by side

A few examples, two masks, two seeds: half a minute on a laptop. What knows cells in the percent
format (VS Code, PyCharm, Jupyter with jupytext) runs this file cell by cell; `python notebook.py`
runs it whole.
"""

# %%
import harness

SETTINGS = {
    "model": "nano",
    "data": {"size": 30, "validation": 20, "test": 20},
    "score": {"responses": 10},
    "sweep": "notebook",
}

# %% [markdown]
"""What does a mask do to an example? Every token with its role and weight; nothing is trained."""

# %%
(example,) = harness.audit(mask="partial", n=1, **SETTINGS).records
for token, role, weight in zip(example.tokens, example.roles, example.weights, strict=True):
    print(f"{weight:4.2f}  {role:<12} {token!r}")

# %% [markdown]
"""The runs: every combination of the values in lists. What is finished is not done again."""

# %%
runs = harness.sweep(mask=["none", "full"], seed=range(2), **SETTINGS)
print(runs[["arm", "seed", "nll.base.answer", "nll.test.answer", "scores.exact_match"]])

# %% [markdown]
"""
Δ = NLL(full) − NLL(none), paired by seed: above 0 where training on the prompt is better. Two seeds
prove nothing; `harness report runs/notebook` says what they show.
"""

# %%
table = runs.pivot_table("nll.test.answer", index="seed", columns="arm")
print((table["full"] - table["none"]).rename("Δ, nats/token"))
