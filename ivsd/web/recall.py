"""The password that was typed into the set-up page before: found again, and forgotten."""

from __future__ import annotations

from flask import session

from ivsd.web.access.sessions import of_this_app
from ivsd.web.draft import Draft

LONGEST = 1000  # characters; the daemon takes no longer one
LAPSED = (
    "the one that was typed is not kept any more: 15 minutes are over, or it was typed for another "
    "address, user name or certificate. Type it once more, or leave this empty to use the stored "
    "one, if there is one"
)


def recall(draft: Draft) -> None:
    """Keep what was typed now, else take what was typed before for the same place.

    What was typed for another place is dropped. The page has to tell of one that somebody counts on
    and that is gone, whatever was asked of it: the next page says no more that one is kept.
    """
    if (sessions := of_this_app()) is None:
        return
    id_ = session["id"]
    if draft.password is not None and len(draft.password) <= LONGEST:
        sessions.typed.keep(id_, draft.place, draft.password)
    elif draft.password is None and (found := sessions.typed.find(id_, draft.place)) is not None:
        draft.password = found
    else:
        sessions.typed.drop(id_)
        draft.has_lapsed = draft.counts_on_kept and draft.password is None
        return
    draft.is_kept = True


def look_for(draft: Draft) -> None:
    """Find out whether one is kept for a page that nothing was typed into yet."""
    if (sessions := of_this_app()) is not None:
        draft.is_kept = sessions.typed.find(session["id"], draft.place) is not None


def forget(draft: Draft) -> None:
    """Drop it: it was saved, was wrong, or was typed for another place."""
    draft.password, draft.is_kept = None, False
    if (sessions := of_this_app()) is not None:
        sessions.typed.drop(session["id"])
