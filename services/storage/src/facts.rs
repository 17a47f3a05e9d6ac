//! The events of this service.

use domain::names::FileName;
use events::Outgoing;
use events::outbox::About;
use proto::storage::v1 as pb;

use crate::convert;
use crate::model::{File, Removal};

pub(crate) const SOURCE: &str = "storage";

/// A file is there.
pub(crate) fn stored(after: &File) -> Outgoing {
    Outgoing::event(SOURCE, about(after), &pb::FileStored { file: Some(convert::file(after)) })
}

/// A file is there no more.
pub(crate) fn removed(after: &File, why: Removal) -> Outgoing {
    let reason = match why {
        Removal::Deleted => pb::FileRemovalReason::Deleted,
        Removal::Replaced => pb::FileRemovalReason::Replaced,
        Removal::Expired => pb::FileRemovalReason::Expired,
        Removal::Lost => pb::FileRemovalReason::Lost,
    };
    let body = pb::FileRemoved { file: Some(convert::file(after)), reason: reason.into() };
    Outgoing::event(SOURCE, about(after), &body)
}

fn about(file: &File) -> About {
    let name = FileName { workspace: file.workspace, id: file.id }.to_string();
    About { workspace: file.workspace, name, version: file.version, time: file.updated_at }
}
