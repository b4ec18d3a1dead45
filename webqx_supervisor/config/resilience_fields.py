"""What single values of breakers and retries must be: each function returns it or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

from webqx_supervisor.config.phrases import did_you_mean, found

CONDITIONS = ("connect", "timeout", "invalid")


def breaker_table(value: object) -> object:
    """Take `breaker = true` for a table that says nothing, false for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value


def retry_table(value: object) -> object:
    """Take `retry = ["timeout", 503]` for `retry = { on = [...] }`, false for a single attempt."""
    if value is False:
        return {"attempts": 1}
    return {"on": value} if isinstance(value, list) else value


def conditions(value: object) -> object:
    """Take a list of conditions: words, and statuses from 400 up."""
    if not isinstance(value, list | tuple):
        value = [value]
    for each in value:
        if isinstance(each, int) and not isinstance(each, bool) and 400 <= each <= 599:
            continue
        if each not in CONDITIONS or not isinstance(each, str):
            hint = did_you_mean(each, CONDITIONS) if isinstance(each, str) else ""
            raise ValueError(
                'wanted "connect", "timeout", "invalid" or a status from 400 to 599; '
                f"found {found(each)}{hint}"
            )
    return value
