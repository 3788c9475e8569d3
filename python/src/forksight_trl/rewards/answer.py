"""Where in a completion its answer stands, and whether it is the text asked for."""

from __future__ import annotations


def last_boxed(text: str) -> tuple[str | None, str | None]:
    r"""The contents of the last `\boxed{...}`, its braces balanced; or None and the reason."""
    opening = "\\boxed{"
    start = text.rfind(opening)
    if start < 0:
        return None, "no-boxed-answer"
    begin = start + len(opening)
    depth = 1
    for i in range(begin, len(text)):
        if text[i] == "{":
            depth += 1
        elif text[i] == "}":
            depth -= 1
            if depth == 0:
                return text[begin:i], None
    return None, "unclosed-box"


def boxed_answer(completion: str) -> str:
    r"""What stands in the last `\boxed{}`, else what follows the last `</think>`, else the whole."""
    boxed, _ = last_boxed(completion)
    if boxed is not None:
        return boxed.strip()
    _, marker, after = completion.rpartition("</think>")
    return (after if marker else completion).strip()


def exact_match(completion: str, answer: str) -> bool:
    """Whether the completion's answer equals the expected one, white space aside."""
    return " ".join(boxed_answer(completion).split()) == " ".join(answer.split())
