"""Whole steps of TRL's GRPOTrainer, to hold the embedded trainer against (test/bench/trl.bench.ts starts it).

Usage: PYTHONPATH=python/src python trl_step.py '{"model": .., "data": .., "prompts": .., "group": .., "tokens": .., "full": ..,
"rank": .., "threads": .., "rho": ..}'
Prints "ready", then for each line on stdin trains one step and prints {"rollout": .., "update": ..}: milliseconds of
processor time. TRL as it comes: its own generation by transformers, its own mask and loss, all rollouts in one batch. With
`full` every completion has the full length. Rewards are drawn, so that every group bears a gradient on both sides.
"""

import json
import random
import sys
import tempfile
import time

import torch
from datasets import Dataset
from forksight_trl.data import read_problems
from forksight_trl.model import Device, load_model, load_tokenizer
from peft import LoraConfig
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

shape = json.loads(sys.argv[1])
torch.set_num_threads(shape["threads"])
# The protocol has stdout to itself.
answers, sys.stdout = sys.stdout, sys.stderr
problems = read_problems(shape["data"], lambda problem: None)
rewards = random.Random(1)
rollout_seconds = 0.0


class Timed(GRPOTrainer):
    def _generate_and_score_completions(self, inputs):
        global rollout_seconds
        before = time.process_time()
        output = super()._generate_and_score_completions(inputs)
        rollout_seconds = time.process_time() - before
        if shape["full"]:
            assert output["completion_ids"].shape == (shape["prompts"] * shape["group"], shape["tokens"])
        return output


class OnRequest(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if not sys.stdin.readline():
            control.should_training_stop = True
        self.before = time.process_time()

    def on_step_end(self, args, state, control, **kwargs):
        total = time.process_time() - self.before
        spent = {"rollout": 1000 * rollout_seconds, "update": 1000 * (total - rollout_seconds)}
        print(json.dumps(spent), file=answers, flush=True)


def reward(completions, **kwargs):
    return [rewards.random() for _ in completions]


count = shape["prompts"] * shape["group"]
with tempfile.TemporaryDirectory() as scratch:
    trainer = Timed(
        model=load_model(shape["model"], Device("cpu", False, "")),
        processing_class=load_tokenizer(shape["model"]),
        reward_funcs=reward,
        args=GRPOConfig(
            output_dir=scratch,
            max_steps=10_000,
            per_device_train_batch_size=count,
            num_generations=shape["group"],
            max_completion_length=shape["tokens"],
            generation_kwargs={"min_new_tokens": shape["tokens"] if shape["full"] else 1},
            loss_type="dapo",
            epsilon_high=0.28,
            beta=0.0,
            top_entropy_quantile=shape["rho"],
            learning_rate=1e-3,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=1,
        ),
        train_dataset=Dataset.from_list([{"prompt": problem.prompt} for problem in problems]),
        peft_config=LoraConfig(
            r=shape["rank"],
            lora_alpha=2 * shape["rank"],
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            task_type="CAUSAL_LM",
        ),
        callbacks=[OnRequest()],
    )
    print("ready", file=answers, flush=True)
    trainer.train()
