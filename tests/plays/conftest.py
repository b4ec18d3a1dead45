import pytest
from project import Project


@pytest.fixture
def project(tmp_path):
    """Give a folder to host in; nothing of it is left running afterwards."""
    project = Project(tmp_path)
    try:
        yield project
    finally:
        project.clean_up()
