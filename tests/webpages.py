"""What a folder of web pages holds: links, anchors, and what they fetch."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

#: Attributes that fetch something, by tag.
FETCHED = {"img": "src", "script": "src", "source": "src", "iframe": "src"}
#: Relations of <link> that fetch something.
SHEETS = {"stylesheet", "preload", "icon", "shortcut icon", "modulepreload"}


class Page(HTMLParser):
    """One page: its anchors, where its links lead, and what it fetches."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag in FETCHED and given.get(FETCHED[tag]):
            self.fetched.add(given[FETCHED[tag]])
        if tag == "link" and given.get("rel") in SHEETS:
            self.fetched.add(given["href"])

    def target(self, link):
        """Return the file and the anchor of a link into the folder; None of others."""
        address, anchor = urldefrag(link)
        if urlsplit(address).scheme or link.startswith("//"):
            return None
        file = unquote(urlsplit(address).path)
        path = (self.path.parent / file).resolve() if file else self.path
        return path, unquote(anchor)


class Site:
    """All pages of a folder, each parsed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.pages = {
            path: Page(path)
            for path in sorted(self.folder.rglob("*.html"))
            if "_static" not in path.parts  # templates of the theme
        }

    def reached(self, start="index.html"):
        """Return the pages that following links from a page leads to."""
        found, waiting = set(), [self.folder / start]
        while waiting:
            path = waiting.pop()
            if path in found or path not in self.pages:
                continue
            found.add(path)
            page = self.pages[path]
            targets = map(page.target, page.links)
            waiting += [target[0] for target in targets if target]
        return found

    def broken(self):
        """Return links to files or anchors that are not there, and what is fetched."""
        found = []
        for page in self.pages.values():
            for link in page.links | page.fetched:
                target = page.target(link)
                if target is None:
                    continue
                path, anchor = target
                there = path.exists() and (
                    not anchor
                    or path not in self.pages
                    or anchor in self.pages[path].anchors
                )
                if not there:
                    found.append((str(page.path.relative_to(self.folder)), link))
        return found

    def outside(self):
        """Return what pages fetch from elsewhere."""
        return {
            link
            for page in self.pages.values()
            for link in page.fetched
            if page.target(link) is None and not link.startswith("data:")
        }
