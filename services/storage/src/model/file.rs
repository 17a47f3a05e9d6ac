//! A file's row and its life: uploading → checking → stored or refused; then removed. What is over is kept for a while,
//! so that whoever asks is told why.

use chrono::Duration;
use domain::{FileId, PersonId, Timestamp, WorkspaceId};

use super::key::{Key, ObjectName, Place};
use super::kind::Kind;
use super::name::FileTitle;
use super::refusal::Refusal;
use super::types::FileType;

/// So long a check takes at the most; one that is not done by then has died.
const CHECK_LEASE: Duration = Duration::minutes(5);

/// So long what is over is told of.
const REMEMBERED: Duration = Duration::days(30);

/// How often it is looked whether a stored file is still there.
const VERIFIED_EVERY: Duration = Duration::days(7);

/// For so long a file may be missing at the store before it is given up.
const LOST_AFTER: Duration = Duration::days(7);

/// How soon what is missing is looked for again.
const MISSED_EVERY: Duration = Duration::hours(1);

chassis::text_enum! {
    /// How far a file is.
    pub(crate) enum State {
        /// It is being sent.
        Uploading = "uploading",
        /// It is being looked at.
        Checking = "checking",
        /// It is there.
        Stored = "stored",
        /// It was not taken.
        Refused = "refused",
        /// It was there, or never came.
        Removed = "removed",
    }
}

/// Why a file is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Somebody deleted it.
    Deleted,
    /// Another took its place.
    Replaced,
    /// Its time is over.
    Expired,
    /// It is not at the store any more.
    Lost,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct File {
    pub workspace: WorkspaceId,
    pub id: FileId,
    pub kind: Kind,
    pub person: Option<PersonId>,
    /// A resource name; empty: nothing in particular.
    pub subject: String,
    pub title: FileTitle,
    pub content_type: &'static FileType,
    /// Said, and once it is stored, real.
    pub size_bytes: i64,
    /// What counts towards the quota: what was said, then that with all smaller versions; 0 once it is over.
    pub used_bytes: i64,
    pub state: State,
    pub refusal: Option<Refusal>,
    pub object: ObjectName,
    /// Removed once this one is stored.
    pub replaces: Option<FileId>,
    /// Of a picture.
    pub size_pixels: Option<(i32, i32)>,
    pub thumbnail_sides: Vec<i32>,
    /// Whether anything may lie at the store.
    pub has_objects: bool,
    pub expires_at: Option<Timestamp>,
    pub missing_since: Option<Timestamp>,
    /// When the sweep looks at it.
    pub due_at: Timestamp,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A file that somebody begins to send.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub kind: Kind,
    pub person: Option<PersonId>,
    pub subject: String,
    pub title: FileTitle,
    pub content_type: &'static FileType,
    pub replaces: Option<FileId>,
}

/// What lies at the store of a file that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub content_type: &'static FileType,
    pub size_bytes: i64,
    /// Smaller versions included.
    pub used_bytes: i64,
    pub size_pixels: Option<(i32, i32)>,
    pub thumbnail_sides: Vec<i32>,
}

/// What the sweep does with a file that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was not completed in time.
    GiveUp,
    /// Who looked at it has died.
    Release,
    /// Its time is over.
    Expire,
    /// Look whether it is there.
    Verify,
    /// Remove what lies at the store.
    Clear,
    /// Nobody asks for it any more.
    Forget,
}

impl File {
    /// One that is about to be sent, for which its sender has so long.
    pub(crate) fn started(
        workspace: WorkspaceId,
        new: NewFile,
        size_bytes: i64,
        time_to_send: Duration,
        now: Timestamp,
    ) -> Self {
        Self {
            workspace,
            id: FileId::new(),
            kind: new.kind,
            person: new.person,
            subject: new.subject,
            title: new.title,
            content_type: new.content_type,
            size_bytes,
            used_bytes: size_bytes,
            state: State::Uploading,
            refusal: None,
            object: ObjectName::generate(),
            replaces: new.replaces,
            size_pixels: None,
            thumbnail_sides: Vec::new(),
            has_objects: true,
            expires_at: None,
            missing_since: None,
            // It may be completed for as long again.
            due_at: now + time_to_send * 2,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether it can be looked at now: it is being sent, or who looked at it has died.
    pub(crate) fn can_be_checked(&self, now: Timestamp) -> bool {
        match self.state {
            State::Uploading => true,
            State::Checking => self.due_at <= now,
            State::Stored | State::Refused | State::Removed => false,
        }
    }

    pub(crate) fn checking(self, now: Timestamp) -> Self {
        Self { state: State::Checking, due_at: now + CHECK_LEASE, ..self }.changed(now)
    }

    /// It could not be looked at now, or was not there yet; it may be tried again for a while.
    pub(crate) fn sent_again(self, now: Timestamp) -> Self {
        Self { state: State::Uploading, due_at: now + CHECK_LEASE * 12, ..self }.changed(now)
    }

    pub(crate) fn stored(self, stored: Stored, now: Timestamp) -> Self {
        let expires_at = self.kind.rules().days_kept.map(|days| now + Duration::days(days));
        let due_at = verify_at(now, expires_at);
        Self {
            state: State::Stored,
            content_type: stored.content_type,
            size_bytes: stored.size_bytes,
            used_bytes: stored.used_bytes,
            size_pixels: stored.size_pixels,
            thumbnail_sides: stored.thumbnail_sides,
            expires_at,
            due_at,
            ..self
        }
        .changed(now)
    }

    pub(crate) fn refused(self, refusal: Refusal, now: Timestamp) -> Self {
        Self { state: State::Refused, refusal: Some(refusal), used_bytes: 0, due_at: now, ..self }
            .changed(now)
    }

    pub(crate) fn removed(self, now: Timestamp) -> Self {
        Self { state: State::Removed, used_bytes: 0, due_at: now, ..self }.changed(now)
    }

    /// Nothing of it lies at the store any more.
    pub(crate) fn cleared(self, now: Timestamp) -> Self {
        Self { has_objects: false, due_at: now + REMEMBERED, ..self }
    }

    /// It was looked for at the store. Whether it is to be given up for lost.
    pub(crate) fn verified(self, is_there: bool, now: Timestamp) -> (Self, bool) {
        if is_there {
            let due_at = verify_at(now, self.expires_at);
            return (Self { missing_since: None, due_at, ..self }, false);
        }
        let since = self.missing_since.unwrap_or(now);
        let is_lost = now - since >= LOST_AFTER;
        (Self { missing_since: Some(since), due_at: now + MISSED_EVERY, ..self }, is_lost)
    }

    /// What is to be done with it, since it is due.
    pub(crate) fn step(&self, now: Timestamp) -> Step {
        match self.state {
            State::Uploading => Step::GiveUp,
            State::Checking => Step::Release,
            State::Stored if self.expires_at.is_some_and(|at| at <= now) => Step::Expire,
            State::Stored => Step::Verify,
            State::Refused | State::Removed if self.has_objects => Step::Clear,
            State::Refused | State::Removed => Step::Forget,
        }
    }

    /// Where it is sent.
    pub(crate) fn staging_key(&self) -> Key {
        self.key_at(Place::Staging, None)
    }

    /// Where it is kept: all of it, or the smaller version of that side.
    pub(crate) fn key(&self, side: Option<u32>) -> Key {
        let place = if self.kind.rules().is_public { Place::Public } else { Place::Stored };
        self.key_at(place, side)
    }

    fn key_at(&self, place: Place, side: Option<u32>) -> Key {
        Key { place, workspace: self.workspace, kind: self.kind, name: self.object.clone(), side }
    }

    fn changed(self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }
}

/// When a stored file is looked at next.
fn verify_at(now: Timestamp, expires_at: Option<Timestamp>) -> Timestamp {
    let verify = now + VERIFIED_EVERY;
    expires_at.map_or(verify, |expires_at| verify.min(expires_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::types::JPEG;

    fn file(kind: Kind) -> File {
        let new = NewFile {
            kind,
            person: None,
            subject: String::new(),
            title: FileTitle::stored("a.jpg".to_owned()),
            content_type: &JPEG,
            replaces: None,
        };
        File::started(WorkspaceId::new(), new, 10, Duration::hours(1), at(0))
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::hours(hours)
    }

    fn stored() -> Stored {
        Stored {
            content_type: &JPEG,
            size_bytes: 8,
            used_bytes: 9,
            size_pixels: None,
            thumbnail_sides: Vec::new(),
        }
    }

    #[test]
    fn one_looks_at_a_file_at_a_time_until_they_die() {
        let file = file(Kind::Document);
        assert!(file.can_be_checked(at(0)));
        let checking = file.checking(at(0));
        assert!(!checking.can_be_checked(at(0)));
        assert!(checking.can_be_checked(at(0) + CHECK_LEASE));
        assert_eq!(checking.step(at(0) + CHECK_LEASE), Step::Release);
        assert!(!checking.stored(stored(), at(0)).can_be_checked(at(9)));
    }

    #[test]
    fn what_is_due_is_given_up_or_ends_or_is_looked_for() {
        let new = file(Kind::MailInside);
        assert_eq!(new.step(new.due_at), Step::GiveUp);
        let kept = new.stored(stored(), at(0));
        assert_eq!(kept.due_at, at(7 * 24));
        assert_eq!(kept.step(kept.due_at), Step::Verify);
        assert_eq!(kept.step(at(365 * 24)), Step::Expire);
        let (near_its_end, _) = kept.verified(true, at(364 * 24));
        assert_eq!(near_its_end.due_at, at(365 * 24));
        let removed = near_its_end.removed(at(1));
        assert_eq!((removed.step(at(1)), removed.used_bytes), (Step::Clear, 0));
        assert_eq!(removed.cleared(at(1)).step(at(1000)), Step::Forget);
        assert_eq!(file(Kind::Branding).stored(stored(), at(0)).expires_at, None);
    }

    #[test]
    fn what_is_missing_is_lost_after_a_week_unless_it_comes_back() {
        let kept = file(Kind::Document).stored(stored(), at(0));
        let (missing, is_lost) = kept.verified(false, at(1));
        assert!(!is_lost && missing.missing_since == Some(at(1)));
        let (back, _) = missing.clone().verified(true, at(2));
        assert_eq!(back.missing_since, None);
        let (_, is_lost) = missing.verified(false, at(1 + 7 * 24));
        assert!(is_lost);
    }
}
