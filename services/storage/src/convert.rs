//! Messages ⇄ model, checked field by field.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{FileName, NameError, PersonName, WorkspaceName};
use domain::{PersonId, WorkspaceId};
use proto::storage::v1 as pb;
use secrecy::ExposeSecret as _;

use crate::model::{File, FileTitle, FileType, Kind, NewFile, State};
use crate::objects::Signed;

/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 200;

pub(crate) fn kind(kind: pb::FileKind) -> Option<Kind> {
    Some(match kind {
        pb::FileKind::Unspecified => return None,
        pb::FileKind::PersonPicture => Kind::PersonPicture,
        pb::FileKind::CompanyPicture => Kind::CompanyPicture,
        pb::FileKind::ResourcePicture => Kind::ResourcePicture,
        pb::FileKind::ItemPicture => Kind::ItemPicture,
        pb::FileKind::PassPicture => Kind::PassPicture,
        pb::FileKind::EventPicture => Kind::EventPicture,
        pb::FileKind::SitePicture => Kind::SitePicture,
        pb::FileKind::Branding => Kind::Branding,
        pb::FileKind::NewsletterPicture => Kind::NewsletterPicture,
        pb::FileKind::Signage => Kind::Signage,
        pb::FileKind::FeedPicture => Kind::FeedPicture,
        pb::FileKind::MailOutside => Kind::MailOutside,
        pb::FileKind::MailInside => Kind::MailInside,
        pb::FileKind::Document => Kind::Document,
        pb::FileKind::Receipt => Kind::Receipt,
        pb::FileKind::MessageAttachment => Kind::MessageAttachment,
        pb::FileKind::TaskAttachment => Kind::TaskAttachment,
    })
}

fn kind_message(kind: Kind) -> pb::FileKind {
    match kind {
        Kind::PersonPicture => pb::FileKind::PersonPicture,
        Kind::CompanyPicture => pb::FileKind::CompanyPicture,
        Kind::ResourcePicture => pb::FileKind::ResourcePicture,
        Kind::ItemPicture => pb::FileKind::ItemPicture,
        Kind::PassPicture => pb::FileKind::PassPicture,
        Kind::EventPicture => pb::FileKind::EventPicture,
        Kind::SitePicture => pb::FileKind::SitePicture,
        Kind::Branding => pb::FileKind::Branding,
        Kind::NewsletterPicture => pb::FileKind::NewsletterPicture,
        Kind::Signage => pb::FileKind::Signage,
        Kind::FeedPicture => pb::FileKind::FeedPicture,
        Kind::MailOutside => pb::FileKind::MailOutside,
        Kind::MailInside => pb::FileKind::MailInside,
        Kind::Document => pb::FileKind::Document,
        Kind::Receipt => pb::FileKind::Receipt,
        Kind::MessageAttachment => pb::FileKind::MessageAttachment,
        Kind::TaskAttachment => pb::FileKind::TaskAttachment,
    }
}

/// Whose a request is about; `None`: it names nobody.
pub(crate) fn person(
    field: &str,
    workspace: WorkspaceId,
    text: &str,
) -> Result<Option<PersonId>, InvalidInput> {
    let mut input = Input::new();
    let name = input.parse_optional::<PersonName>(field, text);
    if name.is_some_and(|name| name.workspace != workspace) {
        input.refuse(field, "must be of the same workspace");
    }
    input.finish()?;
    Ok(name.map(|name| name.id))
}

/// What somebody wants to put there, of so many bytes. Whose it is was read before.
pub(crate) fn new_file(
    workspace: WorkspaceId,
    person: Option<PersonId>,
    new: &pb::NewFile,
    (size_field, size_bytes): (&str, i64),
) -> Result<NewFile, InvalidInput> {
    let mut input = Input::new();
    let kind = input.required("file.kind", kind(new.kind()));
    let content_type = FileType::of_mime(&new.content_type);
    if let Some(kind) = kind {
        let rules = kind.rules();
        if !content_type.is_some_and(|given| rules.types.contains(&given)) {
            let types: Vec<&str> = rules.types.iter().map(|it| it.mime).collect();
            input.refuse("file.content_type", format_args!("must be one of {}", types.join(", ")));
        }
        if !(1..=rules.bytes_max).contains(&size_bytes) {
            input.refuse(size_field, format_args!("must be between 1 and {} bytes", rules.bytes_max));
        }
    }
    let title = content_type.and_then(|content_type| {
        FileTitle::parse(&new.file_name, content_type)
            .map_err(|problem| input.refuse("file.file_name", problem))
            .ok()
    });
    let subject = subject(&mut input, "file.subject", workspace, &new.subject);
    let replaces = input.parse_optional::<FileName>("file.replaces", &new.replaces);
    if replaces.is_some_and(|name| name.workspace != workspace) {
        input.refuse("file.replaces", "must be of the same workspace");
    }
    let values = (|| {
        Some(NewFile {
            kind: kind?,
            person,
            subject: subject?,
            title: title?,
            content_type: content_type?,
            replaces: replaces.map(|name| name.id),
        })
    })();
    input.finish_with(values)
}

/// What a file belongs to: a resource name within the workspace.
pub(crate) fn subject(input: &mut Input, field: &str, workspace: WorkspaceId, text: &str) -> Option<String> {
    let text = input.optional_text(field, text, SUBJECT_CHARS_MAX)?;
    let within = format!("{}/", WorkspaceName(workspace));
    if !text.is_empty() && !text.starts_with(&within) {
        let pattern = "workspaces/{workspace}/…, within the same workspace";
        input.refuse(field, NameError { pattern });
        return None;
    }
    Some(text)
}

/// A file as it is told.
pub(crate) fn file(file: &File) -> pb::File {
    let workspace = file.workspace;
    let (width, height) = file.size_pixels.unwrap_or_default();
    let state = match file.state {
        State::Uploading => pb::FileState::Uploading,
        State::Checking => pb::FileState::Checking,
        State::Stored => pb::FileState::Stored,
        State::Refused => pb::FileState::Refused,
        State::Removed => pb::FileState::Removed,
    };
    pb::File {
        name: FileName { workspace, id: file.id }.to_string(),
        kind: kind_message(file.kind).into(),
        person: file.person.map_or_else(String::new, |id| PersonName { workspace, id }.to_string()),
        subject: file.subject.clone(),
        file_name: file.title.as_str().to_owned(),
        content_type: file.content_type.mime.to_owned(),
        size_bytes: file.size_bytes,
        state: state.into(),
        refusal: file.refusal.map_or_else(String::new, |refusal| refusal.to_string()),
        width,
        height,
        thumbnail_sides: file.thumbnail_sides.clone(),
        expire_time: file.expires_at.map(timestamp),
        version: file.version,
        create_time: Some(timestamp(file.created_at)),
    }
}

/// A request for its sender's eyes.
pub(crate) fn signed(signed: Signed) -> pb::SignedRequest {
    pb::SignedRequest {
        method: signed.method,
        url: signed.url.expose_secret().to_owned(),
        headers: signed.headers.into_iter().collect(),
        expire_time: signed.ends_at.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> pb::NewFile {
        pb::NewFile {
            kind: pb::FileKind::Branding.into(),
            file_name: "logo.png".into(),
            content_type: "image/png".into(),
            ..Default::default()
        }
    }

    fn wrong(new: &pb::NewFile, size_bytes: i64) -> String {
        new_file(WorkspaceId::new(), None, new, ("size_bytes", size_bytes)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_with_a_new_file_is_said_field_by_field() {
        assert!(new_file(WorkspaceId::new(), None, &new(), ("size_bytes", 1)).is_ok());
        let types = "image/jpeg, image/png, image/webp";
        for (new, size, expected) in [
            (pb::NewFile::default(), 1, "file.kind must be set".to_owned()),
            (new(), 0, "size_bytes must be between 1 and 10000000 bytes".to_owned()),
            (new(), 10_000_001, "size_bytes must be between 1 and 10000000 bytes".to_owned()),
            (
                pb::NewFile { content_type: "image/svg+xml".into(), ..new() },
                1,
                format!("file.content_type must be one of {types}"),
            ),
            (
                pb::NewFile { file_name: "logo.exe".into(), ..new() },
                1,
                "file.file_name must end in .png, as files of type image/png do".to_owned(),
            ),
            (
                pb::NewFile { subject: "workspaces/other/resources/r".into(), ..new() },
                1,
                "file.subject must look like workspaces/{workspace}/…, within the same workspace".to_owned(),
            ),
        ] {
            assert_eq!(wrong(&new, size), expected);
        }
        let replaces = FileName { workspace: WorkspaceId::new(), id: domain::FileId::new() }.to_string();
        let of_another = pb::NewFile { replaces, ..new() };
        assert_eq!(wrong(&of_another, 1), "file.replaces must be of the same workspace");
    }

    #[test]
    fn kinds_read_back_as_they_were_written() {
        for number in 1..=17 {
            let message = pb::FileKind::try_from(number).unwrap();
            assert_eq!(kind(message).map(kind_message), Some(message));
        }
        assert_eq!(kind(pb::FileKind::Unspecified), None);
    }
}
