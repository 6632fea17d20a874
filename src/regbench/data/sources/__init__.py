"""Sources of raw files: a folder, an archive, or one file. Names are relative to the source."""

from pathlib import Path

from regbench.data.sources.folder import FolderSource
from regbench.data.sources.source import Source
from regbench.data.sources.tar import TarSource
from regbench.data.sources.zip import ZipSource
from regbench.errors import InputError

__all__ = ["FolderSource", "Source", "TarSource", "ZipSource", "open_source"]

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")


def open_source(path: Path) -> Source:
    """Open a folder, an archive (.zip, .tar, .tar.gz), or a single file such as `mnist.npz`.

    >>> import zipfile
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(Path(folder) / "pets.zip", "w") as archive:
    ...         archive.writestr("cat/1.png", b"...")
    ...     source = open_source(Path(folder) / "pets.zip")
    ...     sorted(source.names()), source.read("cat/1.png")
    (['cat/1.png'], b'...')

    Raises:
        InputError: there is no such path, or an archive is damaged or unsafe.
    """
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise InputError(f"params.yaml: data.raw = '{path}': no such folder or archive: give the path of your images")
    name = path.name.lower()
    if name.endswith(TAR_SUFFIXES):
        return TarSource(path)
    if name.endswith(".zip"):
        return ZipSource(path)
    if path.suffix:
        return FolderSource(path.parent, only=path.name)
    raise InputError(f"{path}: a file without an extension: give a folder, .zip, .tar, .npz, .csv or .parquet")
