//! What vendors report of messages.

use std::collections::{BTreeMap, HashMap};

use domain::names::MessageName;
use domain::{MessageId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::suppression;
use crate::model::{Channel, MessageKey, Receipt, Report, ReportKind, Suppression};

/// A message of which there is news, and the trace that it belongs to.
pub(crate) struct Told {
    pub key: MessageKey,
    pub channel: Channel,
    pub receipt: Receipt,
    pub traceparent: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    channel: Channel,
    receipt: Option<Receipt>,
    recipient: String,
    traceparent: Option<String>,
}

/// Notes reports of messages of all workspaces; those of none are left out, and those that were noted already. Gives the
/// messages that have come to something else by them.
pub(crate) async fn note(conn: &mut PgConnection, reports: &[Report]) -> Result<Vec<Told>, sqlx::Error> {
    let keys: Vec<MessageKey> = reports.iter().map(|report| report.key).collect();
    let known = lock(conn, &keys).await?;
    let reports: Vec<&Report> = reports.iter().filter(|report| known.contains_key(&report.key)).collect();
    sqlx::query(
        "insert into message_report (workspace_id, message_id, ref, kind, reported_at, detail)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
         on conflict do nothing",
    )
    .bind(reports.iter().map(|report| report.key.workspace.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.key.id.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.report_ref.as_str()).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.kind).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.at).collect::<Vec<_>>())
    .bind(reports.iter().map(|report| report.detail.as_deref()).collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    let mut news: BTreeMap<(Uuid, Uuid), (&Report, Receipt)> = BTreeMap::new();
    for report in &reports {
        let Some(receipt) = report.kind.receipt() else { continue };
        let key = (report.key.workspace.uuid(), report.key.id.uuid());
        let last = news.get(&key).map(|(_, receipt)| *receipt).or(known[&report.key].receipt);
        if receipt.outranks(last) {
            news.insert(key, (report, receipt));
        }
    }
    let news: Vec<(&Report, Receipt)> = news.into_values().collect();
    write(conn, &news).await?;
    let suppressed = reports.iter().filter_map(|report| {
        let row = &known[&report.key];
        Some(Suppression {
            workspace: report.key.workspace,
            id: Uuid::now_v7(),
            channel: row.channel,
            address: row.recipient.clone(),
            reason: report.suppresses?,
            since: report.at,
            detail: report.detail.clone(),
        })
    });
    suppression::add(conn, &suppressed.collect::<Vec<_>>()).await?;
    let told = news.into_iter().map(|(report, receipt)| {
        let row = &known[&report.key];
        Told { key: report.key, channel: row.channel, receipt, traceparent: row.traceparent.clone() }
    });
    Ok(told.collect())
}

async fn lock(conn: &mut PgConnection, keys: &[MessageKey]) -> Result<HashMap<MessageKey, Row>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select workspace_id, id, channel, receipt, lower(content ->> 'to') as recipient, traceparent
         from message
         where (workspace_id, id) in (select * from unnest($1::uuid[], $2::uuid[]))
         -- In one order, or two writers could wait for each other.
         order by workspace_id, id for update",
    )
    .bind(keys.iter().map(|key| key.workspace.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let key = |row: &Row| MessageKey {
        workspace: WorkspaceId::from_uuid(row.workspace_id),
        id: MessageId::from_uuid(row.id),
    };
    Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
}

async fn write(conn: &mut PgConnection, news: &[(&Report, Receipt)]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update message m set receipt = n.receipt, receipt_at = n.at, receipt_detail = n.detail
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[])
           as n (workspace_id, id, receipt, at, detail)
         where m.workspace_id = n.workspace_id and m.id = n.id",
    )
    .bind(news.iter().map(|(report, _)| report.key.workspace.uuid()).collect::<Vec<_>>())
    .bind(news.iter().map(|(report, _)| report.key.id.uuid()).collect::<Vec<_>>())
    .bind(news.iter().map(|(_, receipt)| *receipt).collect::<Vec<_>>())
    .bind(news.iter().map(|(report, _)| report.at).collect::<Vec<_>>())
    .bind(news.iter().map(|(report, _)| report.detail.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// A report as it was noted.
#[derive(sqlx::FromRow)]
pub(crate) struct Noted {
    pub kind: ReportKind,
    pub reported_at: Timestamp,
    pub detail: Option<String>,
}

/// What was reported of a message.
pub(crate) async fn list(conn: &mut PgConnection, message: MessageName) -> Result<Vec<Noted>, sqlx::Error> {
    sqlx::query_as(
        "select kind, reported_at, detail from message_report
         where workspace_id = $1 and message_id = $2 order by reported_at",
    )
    .bind(message.workspace.uuid())
    .bind(message.id.uuid())
    .fetch_all(conn)
    .await
}
