"""A reward of a user's own that differs within every group: the share of vowels."""


def reward(prompts, completions, completion_ids, **columns):
    texts = [one[0]["content"] for one in completions]
    assert len(columns["numbers"]) == len(prompts) == len(completion_ids)
    return [sum(letter in "aeiou" for letter in text) / max(1, len(text)) for text in texts]
