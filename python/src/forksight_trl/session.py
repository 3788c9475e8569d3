"""A run from its settings to its end, in one process or in each of several."""

from __future__ import annotations

import contextlib
import math
import os
import random
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .data import Problem, problem_order, read_problems
from .errors import RunError, StopNow
from .mapping import Batching, check_expressible, grpo_arguments, lora_arguments, plan_batches
from .model import Device, choose_device, load_model, load_tokenizer, turn_ends
from .rewards import Judge, check_problem, judge_for, maths
from .run_folder import ADAPTER_FILE, RunFolder
from .seeds import derive_seed
from .settings import Settings
from .signals import Signals
from .status import StatusBoard


@dataclass(frozen=True)
class RunData:
    """Problems of a run."""

    train: list[Problem]
    evals: dict[str, list[Problem]]


def read_data(settings: Settings) -> RunData:
    """Raises RunError where a file or a line is not what the run needs."""

    def check(problem: Problem) -> object:
        return check_problem(settings.reward, problem)

    evals = {name: read_problems(path, check)[: settings.eval.limit] for name, path in settings.data.eval.items()}
    return RunData(read_problems(settings.data.train, check), evals)


class Session:
    """Builds TRL's trainer, trains, and writes the run folder. `folder` is None on all processes but the first."""

    def __init__(
        self,
        settings: Settings,
        data: RunData,
        run_path: Path,
        folder: RunFolder | None,
        board: StatusBoard,
        signals: Signals,
    ) -> None:
        self.settings = settings
        self.data = data
        self.path = RunFolder(run_path)
        self.folder = folder
        self.board = board
        self.signals = signals
        self.judge: Judge = judge_for(settings.reward)
        self.trainer: Any = None
        self.stopped = False

    # ------------------------------------------------------------------------------------------------ building

    def build(self, processes: int) -> None:
        """Loads the model and builds the trainer. Raises RunError for all that a person can mend."""
        import torch
        from transformers.utils import logging

        logging.disable_progress_bar()
        # PEFT looks for a config beside a GGUF, to learn whether the vocabulary grew. It did not.
        warnings.filterwarnings("ignore", message="Could not find a config file in .*")
        settings = self.settings
        for warning in check_expressible(settings):
            self.log(f"warning: {warning}")
        threads = settings.threads or max(1, _physical_cores() // processes)
        torch.set_num_threads(threads)
        device = choose_device(settings, processes)
        self.board.doing("load", "loading the tokenizer")
        tokenizer = load_tokenizer(settings.model)
        longest = self._longest_prompt(tokenizer)
        batching = plan_batches(settings, processes, longest)
        self.board.doing("load", f"loading {Path(settings.model).name}")
        model = load_model(settings.model, device)
        context = getattr(model.config, "max_position_embeddings", None)
        if context and longest + settings.rollout.max_tokens > context:
            raise RunError(
                f"The longest prompt has {longest} tokens; with rollout.maxTokens {settings.rollout.max_tokens} that is "
                f"more than the {context} tokens the model was trained for. Lower rollout.maxTokens or shorten the prompts."
            )
        self.trainer = self._trainer(model, tokenizer, batching, device)
        trainable = sum(one.numel() for one in self.trainer.model.parameters() if one.requires_grad)
        self.log(
            f"{model.config.model_type}, {model.config.num_hidden_layers} layers, {trainable} trainable parameters, "
            f"{device.remark}, {threads} threads, {batching.per_device} rollouts x {batching.accumulation} micro-batches "
            f"x {batching.mini_batches} mini-batches x {processes} processes a step"
        )
        if settings.reward.kind == "maths":
            self.log(maths.METHOD)

    def _trainer(self, model: Any, tokenizer: Any, batching: Batching, device: Device) -> Any:
        import torch
        from datasets import Dataset
        from peft import LoraConfig
        from transformers import PrinterCallback, ProgressCallback
        from trl import GRPOConfig

        from .trainer import MaskedGRPOTrainer

        settings = self.settings
        stop_ids = turn_ends(tokenizer)
        arguments = grpo_arguments(settings, batching, device, self.path.scratch, stop_ids)
        if settings.trl.tensorboard:
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(self.path.path / "tensorboard")
        train = self.data.train
        order = problem_order(len(train), settings.seed, settings.steps * settings.rollout.prompts_per_step)
        rows = Dataset.from_dict({"prompt": [one.prompt for one in train], "problem": list(range(len(train)))})
        random.seed(settings.seed)
        torch.manual_seed(derive_seed(settings.seed, 0, "adapter"))
        trainer = MaskedGRPOTrainer(
            settings=settings,
            batching=batching,
            board=self.board,
            stop_ids=stop_ids,
            problem_prompts=[one.prompt for one in train],
            on_step=self._step_done,
            model=model,
            processing_class=tokenizer,
            args=GRPOConfig(**arguments),
            train_dataset=rows.select(order),
            peft_config=LoraConfig(**lora_arguments(settings)),
            reward_funcs=self._reward_functions(),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(_stop_callback(self))
        return trainer

    def _reward_functions(self) -> list[Any]:
        judge, problems = self.judge, self.data.train

        def reward(
            completions: list[Any], completion_ids: list[list[int]], problem: list[int], **_: Any
        ) -> list[float]:
            texts = [one if isinstance(one, str) else one[0]["content"] for one in completions]
            return judge([problems[i] for i in problem], texts, completion_ids)

        reward.__name__ = self.settings.reward.kind
        overlong = self.settings.objective.overlong
        if overlong is None:
            return [reward]
        from trl.rewards import get_soft_overlong_punishment

        return [reward, get_soft_overlong_punishment(overlong.maximum, overlong.cache)]

    def _longest_prompt(self, tokenizer: Any) -> int:
        longest = 0
        for problems in (self.data.train, *self.data.evals.values()):
            for problem in problems:
                if isinstance(problem.prompt, str):
                    ids = tokenizer(problem.prompt)["input_ids"]
                else:
                    ids = tokenizer.apply_chat_template(problem.prompt, add_generation_prompt=True, return_dict=True)[
                        "input_ids"
                    ]
                longest = max(longest, len(ids))
        return longest

    # ------------------------------------------------------------------------------------------------ training

    def train(self, latest: tuple[Path, dict[str, Any]] | None) -> str:
        """Trains from the newest checkpoint, or from the beginning: `done` or `stopped`."""
        step = latest[1]["step"] if latest else 0
        if latest is None:
            self._before_the_first()
        else:
            self.log(f"resumed after step {step}")
        if step >= self.settings.steps:
            return "done"
        if self.stop_asked():
            return "stopped"
        self.board.running(step)
        self.trainer.train(resume_from_checkpoint=str(latest[0]) if latest and step > 0 else None)
        return "stopped" if self.stopped else "done"

    def stop_asked(self) -> bool:
        """Whether the folder holds the request to stop: the first process looks, all do the same."""
        from accelerate.utils import broadcast_object_list

        asked = [self.path.stop_requested() if self.folder else False]
        broadcast_object_list(asked)
        return bool(asked[0])

    def _before_the_first(self) -> None:
        """Step 0: the base model's accuracy, and the adapter that changes nothing."""
        self.board.running(0)
        metrics = self._evaluate() if self._evaluates(0) else {}
        line = {"step": 0, "time": _now(), **metrics} if metrics else None
        with self.signals.shielded():
            if self.folder:
                written = self.folder.checkpoints / ".step-0-new"
                written.mkdir(exist_ok=True)
                self._write_adapter(written)
                self.folder.commit_checkpoint(written, {"format": 1, "step": 0, "line": line})
                if line:
                    self.folder.append_metrics(line)
                    self._report(line)
            self.trainer.accelerator.wait_for_everyone()

    def _step_done(self, step: int) -> None:
        """After the last update of a step, on every process: evaluation, record, checkpoint."""
        from accelerate.utils import gather_object

        from .evaluation import compare_with_base
        from .recording import rollout_lines, step_line

        settings, record, trainer = self.settings, self.trainer.record, self.trainer
        self.board.doing("save", "saving")
        everyone = gather_object(record.rollouts)
        line = step_line(step, settings, record, everyone)
        for name in ("loss", "grad_norm"):
            if not math.isfinite(line.get(name, 0.0)):
                raise RunError(
                    f"The run diverged at step {step}: {name} is not a finite number. "
                    "Lower optimizer.learningRate, and resume from a checkpoint before it."
                )
        if self._evaluates(step):
            line.update(self._evaluate())
        every = settings.analysis.every
        if every > 0 and (step % every == 0 or step == settings.steps):
            line.update(compare_with_base(trainer, settings))
        self.board.doing("save", "saving")
        with self.signals.shielded():
            written = Path(trainer.write_state())
            trainer.accelerator.wait_for_everyone()
            if self.folder:
                self.folder.write_rollouts(step, rollout_lines(step, settings, self.data.train, everyone))
                self._write_adapter(written)
                self.folder.commit_checkpoint(written, {"format": 1, "step": step, "line": line})
                self.folder.append_metrics(line)
                self.folder.prune(settings.checkpoints.every, settings.checkpoints.keep)
                self._report(line)
            self.board.step_done(step, line["step_time"])
            trainer.accelerator.wait_for_everyone()

    def _write_adapter(self, folder: Path) -> None:
        from peft import get_peft_model_state_dict

        from .adapter_gguf import NotConvertible, write_adapter_gguf

        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        base = model.get_base_model()
        try:
            write_adapter_gguf(
                get_peft_model_state_dict(model, save_embedding_layers=False),
                base.config,
                self.settings.adapter.alpha,
                folder / ADAPTER_FILE,
            )
        except NotConvertible as why:
            (folder / ADAPTER_FILE).unlink(missing_ok=True)
            self.log(f"warning: no {ADAPTER_FILE} for llama.cpp: {why}. The PEFT adapter is in the checkpoint.")

    def _evaluate(self) -> dict[str, float]:
        from .evaluation import evaluate

        return evaluate(self.trainer, self.settings, self.data.evals, self.judge)

    def _evaluates(self, step: int) -> bool:
        every = self.settings.eval.every
        return bool(self.data.evals) and every > 0 and (step % every == 0 or step == self.settings.steps)

    def _report(self, line: dict[str, Any]) -> None:
        from .recording import summary

        self.log(summary(line))

    def log(self, text: str) -> None:
        """A line of trainer.log, and of the terminal."""
        if self.folder:
            self.folder.log(text)
            print(text, flush=True)


def _stop_callback(session: Session) -> Any:
    from transformers import TrainerCallback

    class StopCallback(TrainerCallback):  # type: ignore[misc]  # transformers ships no types
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            session.trainer.begin_record()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            if state.global_step % session.settings.mini_batches == 0 and state.global_step < state.max_steps:
                session.stopped = session.stop_asked()
                control.should_training_stop = control.should_training_stop or session.stopped
            return control

    return StopCallback()


@contextlib.contextmanager
def ending(session_folder: RunFolder | None, board: StatusBoard, signals: Signals) -> Iterator[list[str]]:
    """Writes the last word of a run, whatever ended it. The body puts `done` or `stopped` into the list."""
    outcome: list[str] = []

    def finish(state: Any, message: str, logged: str) -> None:
        signals.ignore()
        if session_folder:
            session_folder.clear_stop()
            session_folder.log(logged)
        board.end(state, message)

    try:
        yield outcome
    except StopNow:
        outcome[:] = ["stopped"]
    except BaseException as error:
        # With several processes, the end of another one may arrive here as a broken connection first.
        if not signals.pending:
            message = str(error) or type(error).__name__
            known = isinstance(error, RunError)
            finish("failed", message, f"failed: {message if known else traceback.format_exc()}")
            raise
        outcome[:] = ["stopped"]
    state = outcome[0] if outcome else "failed"
    finish(state, "done" if state == "done" else "stopped; can be resumed", state)


def _physical_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _now() -> float:
    import time

    return time.time()
