"""Secrets in addresses: every place that a driver, MLflow or git takes one from."""

import pytest

from regbench.runtime.redaction import redact, shown_path

CANARY = "canary7f3a"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://u:{CANARY}@h/p", "https://h/p"),
        (f"https://{CANARY}@h:1/p", "https://h:1/p"),
        (f"postgresql+psycopg://u:{CANARY}@h:5432/db?sslmode=x", "postgresql+psycopg://h:5432/db?sslmode=***"),
        (f"postgresql://h/db?user={CANARY}&password={CANARY}", "postgresql://h/db?user=***&password=***"),
        (f"postgresql://u:p@{CANARY}@h/db", "postgresql://h/db"),
        (f"postgresql://u:p/{CANARY}@h/db", "postgresql://h/db"),
        (f"postgresql://u:p?{CANARY}#x@h/db", "postgresql://h/db"),
        (f"mysql://u:%40{CANARY}@[::1]:3306/db", "mysql://[::1]:3306/db"),
        (f"https://h/p?token={CANARY}", "https://h/p?token=***"),
        (f"https://h/p?a;sig={CANARY};b=1", "https://h/p?a;sig=***;b=***"),
        (f"https://h/p#access_token={CANARY}&x", "https://h/p#access_token=***&x"),
        (
            f"Max retries with url: /api/2.0?token={CANARY} (Caused by x)",
            "Max retries with url: /api/2.0?token=*** (Caused by x)",
        ),
        (f"push to 'https://x-token:{CANARY}@github.com/a.git' failed", "push to 'https://github.com/a.git' failed"),
        (f"two: http://{CANARY}@a http://b:{CANARY}@b/?q={CANARY}", "two: http://a http://b/?q=***"),
    ],
)
def test_secrets_of_an_address_go_and_the_rest_stays(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected, "done twice, it is as done once"
    assert CANARY not in redact(f"{text} {text}\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "params.yaml: train.learning_rate = 1: must be less than 1",
        "https://example.org/a@b/c",
        "git@github.com:a/b.git",
        "Did you mean 'x'? a = b; c=d & e=f",
        "mail me@example.org",
        "sqlite:////home/x/mlflow.db",
    ],
)
def test_text_without_secrets_is_as_it_was(text: str) -> None:
    assert redact(text) == text


def test_an_absolute_path_is_shown_without_its_folders() -> None:
    assert shown_path("/home/somebody/images.zip") == "images.zip"
    assert shown_path("data/images.zip") == "data/images.zip"
