"""Which submissions there are: folders in a folder, or lines of a CSV file; their names come from strangers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskguard.errors import ConfigurationError
from taskguard.run.submissions.listed import place_of, submissions_in
from taskguard.run.submissions.matrix import MOST_JOBS, Matrix, matrix_of


def folders(parent: Path, *names: str) -> Path:
    for name in names:
        (parent / name).mkdir(parents=True)
    return parent


def test_each_folder_is_a_submission_in_the_order_of_their_names(tmp_path: Path) -> None:
    folders(tmp_path, "bert", "Anna", ".git", "carla", "out")
    (tmp_path / "notes.txt").write_text("no submission")
    found = submissions_in(tmp_path, besides=tmp_path / "out")
    assert [each.name for each in found] == ["Anna", "bert", "carla"]
    assert [each.folder for each in found] == [tmp_path / "Anna", tmp_path / "bert", tmp_path / "carla"]


def test_a_link_is_not_followed_or_one_could_hand_in_what_another_wrote(tmp_path: Path) -> None:
    folders(tmp_path, "bert")
    (tmp_path / "anna").symlink_to(tmp_path / "bert")
    anna, bert = submissions_in(tmp_path)
    assert anna.problem is not None
    assert "link" in anna.problem
    assert bert.problem is None


@pytest.mark.parametrize("name", ["=1+2", "../../etc", "a b", "-rf", "ü", "x" * 300, "con\nsole", "..", "a/b", "$(id)"])
def test_a_name_is_never_a_path_or_an_option_where_its_folder_is_made(name: str) -> None:
    place = place_of(name)
    assert place.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
    assert not place.startswith(("-", "."))
    assert 0 < len(place) < 80
    assert place_of(name) == place != place_of(f"{name} ")


def test_names_that_differ_in_their_case_alone_have_places_of_their_own(tmp_path: Path) -> None:
    for name in ("Anna", "anna"):
        (tmp_path / "in" / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "list.csv").write_text("folder,name\nin/Anna,Anna\nin/anna,anna\n")
    places = [each.place.casefold() for each in submissions_in(tmp_path / "list.csv")]
    assert len(set(places)) == 2


def test_a_line_of_a_file_may_say_more_of_a_submission(tmp_path: Path) -> None:
    folders(tmp_path, "one", "two")
    text = "\ufefffolder;name;stage;tasks;seed;deployer;deadline_seconds\none;Ann;test;12;s;sam;60.5\ntwo;;;;;;\n"
    (tmp_path / "list.csv").write_text(text)
    ann, two = submissions_in(tmp_path / "list.csv")
    assert (ann.name, ann.stage, ann.tasks, ann.seed, ann.deployer, ann.deadline_seconds) == (
        *("Ann", "test", 12, "s", "sam"),
        60.5,
    )
    assert (two.name, two.stage, two.tasks, two.folder) == ("two", None, None, tmp_path / "two")


def test_the_same_folder_twice_is_graded_once(tmp_path: Path) -> None:
    folders(tmp_path, "one")
    (tmp_path / "list.csv").write_text("folder,name,stage\none,a,\n./one,b,\none,c,test\n")
    problems = {each.name: each.problem for each in submissions_in(tmp_path / "list.csv")}
    assert problems == {"a": None, "b": "Its folder is that of a, and it is graded there.", "c": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("folders\nx\n", 'unknown column "folders"; did you mean "folder"'),
        ("folder,tasks\nx,many\n", "line 2: tasks: expected an integer.*many"),
        ("folder,tasks\nx,0\n", "line 2: tasks"),
        ("name\nx\n", "line 2: .*folder"),
        ("folder\nx,y\n", "line 2: it has more cells"),
        ("folder,deployer\nx,make\n", 'line 2: deployer: .*"sam"'),
        ("folder\n", "it lists no submission"),
    ],
)
def test_a_file_is_read_strictly(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        submissions_in(tmp_path / "list.csv")


def test_a_folder_without_any_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder in it"):
        submissions_in(tmp_path)


def test_a_matrix_names_places_which_no_shell_obeys(tmp_path: Path) -> None:
    folders(tmp_path, "anna", "$(reboot)")
    found = submissions_in(tmp_path)
    document = json.loads(matrix_of(found, Matrix.GITHUB))
    assert document == {"submission": [each.place for each in found]}
    assert matrix_of(found, Matrix.LINES).splitlines() == document["submission"]
    assert "$" not in matrix_of(found, Matrix.LINES)


def test_a_matrix_that_github_would_refuse_is_refused_first(tmp_path: Path) -> None:
    folders(tmp_path, *(f"s{number}" for number in range(MOST_JOBS + 1)))
    with pytest.raises(ConfigurationError, match="at most 256"):
        matrix_of(submissions_in(tmp_path), Matrix.GITHUB)
