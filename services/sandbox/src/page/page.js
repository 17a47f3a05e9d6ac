"use strict";

const POLL_MS = 2000;
const PREVIEW_MAX_BYTES = 64 * 1024;
const MAILS = "/_control/sendgrid/messages/";
const find = (id) => document.getElementById(id);

let feed = null;
let lastText = "";

// Everything goes through textContent: what came in is never read as HTML.
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function withChildren(parent, ...children) {
  parent.append(...children.filter(Boolean));
  return parent;
}

function moment(iso, hasSeconds = true) {
  const at = new Date(iso);
  const isToday = feed && at.toDateString() === new Date(feed.now).toDateString();
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: hasSeconds ? "2-digit" : undefined });
  const made = element("time", "", isToday ? time : at.toLocaleDateString() + " " + time);
  made.dateTime = iso;
  made.title = iso;
  return made;
}

const MOODS = {
  delivered: "good", open: "good", click: "good", received: "good",
  bounce: "bad", dropped: "bad", spamreport: "bad", unsubscribe: "bad", group_unsubscribe: "bad",
  failed: "bad", undelivered: "bad", canceled: "bad",
  deferred: "wait", processed: "wait", queued: "wait", accepted: "wait", scheduled: "wait", sent: "wait",
};

function tag(text, mood) {
  return element("span", "tag " + (mood || ""), text);
}

function counted(number, one, many) {
  return number === 1 ? "1 " + one : number + " " + many;
}

function mailRow(mail) {
  const row = element("button", "row");
  row.type = "button";
  row.addEventListener("click", () => { location.hash = "mail/" + mail.id; });
  const standing = Object.entries(mail.standing)
    .map(([event, count]) => tag(count > 1 ? event + " " + count : event, MOODS[event]));
  const files = mail.attachments ? tag(counted(mail.attachments, "attachment", "attachments")) : null;
  return withChildren(row,
    withChildren(element("span", "line"), element("span", "subject", mail.subject || "(no subject)"), moment(mail.at)),
    element("span", "people", mail.from + " → " + mail.to.join(", ")),
    withChildren(element("span", "tags"), ...standing, files));
}

function textRow(text) {
  const row = element("div", "row");
  const status = text.error_code ? text.status + " " + text.error_code : text.status;
  return withChildren(row,
    withChildren(element("div", "line"),
      element("span", "people", (text.from || "not chosen yet") + " → " + text.to), moment(text.at)),
    element("p", "body", text.body),
    withChildren(element("div", "tags"),
      tag(status, MOODS[text.status]),
      tag(counted(text.segments, "segment", "segments")),
      text.media.length ? tag(counted(text.media.length, "medium", "media")) : null,
      text.is_inbound ? tag("inbound") : null));
}

function tapRow(tap) {
  const row = element("div", "row");
  return withChildren(row,
    withChildren(element("div", "line"), element("span", "subject", tap.door), moment(tap.at)),
    withChildren(element("div", "tags"),
      element("span", "people", tap.who),
      tap.is_open ? tag("opened", "good") : tag(tap.reason || "refused", "bad")));
}

const ACCESS_MOODS = { now: "good", later: "wait", suspended: "bad" };

function accessRow(access) {
  const row = element("div", "row");
  const limit = (iso, otherwise) => iso ? moment(iso, false) : otherwise;
  return withChildren(row,
    withChildren(element("div", "line"), element("span", "", access.email), tag(access.state, ACCESS_MOODS[access.state])),
    withChildren(element("span", "people"), access.door + " · ",
      limit(access.from, "since ever"), " – ", limit(access.until, "for ever")));
}

function showList(id, items, row, empty) {
  const wanted = find("search").value.trim().toLowerCase();
  const shown = wanted ? items.filter((item) => JSON.stringify(item).toLowerCase().includes(wanted)) : items;
  const rows = shown.map((item) => withChildren(element("li"), row(item)));
  if (!rows.length) rows.push(element("li", "empty", wanted && items.length ? "Nothing fits the filter." : empty));
  find(id).replaceChildren(...rows);
}

function show() {
  showList("mails", feed.mails, mailRow, "No mail yet.");
  showList("texts", feed.texts, textRow, "No text yet.");
  showList("taps", feed.taps, tapRow, "Nobody tried a door yet.");
  showList("access", feed.access, accessRow, "Nobody may open a door.");
  find("mails-count").textContent = feed.mails_accepted || "";
  find("texts-count").textContent = feed.texts_taken || "";
}

async function poll() {
  const pulse = find("pulse");
  try {
    const answer = await fetch("/_page/feed", { cache: "no-store" });
    const text = await answer.text();
    feed = JSON.parse(text);
    pulse.textContent = new Date(feed.now).toLocaleString();
    pulse.title = "The sandbox's clock: " + feed.now;
    pulse.classList.remove("is-lost");
    // Rows stay as they are, with focus and selection, while nothing but the clock has changed.
    const comparable = text.replace(feed.now, "");
    if (comparable !== lastText) {
      lastText = comparable;
      show();
    }
  } catch {
    pulse.textContent = "No answer";
    pulse.classList.add("is-lost");
  }
  setTimeout(poll, document.hidden ? POLL_MS * 5 : POLL_MS);
}

function written(address) {
  return address.name ? address.name + " <" + address.email + ">" : address.email;
}

function facts(message) {
  const mail = message.mail;
  const rows = [["From", written(mail.from)]];
  for (const envelope of mail.envelopes) {
    for (const [name, list] of [["To", envelope.to], ["Cc", envelope.cc], ["Bcc", envelope.bcc]]) {
      if (list.length) rows.push([name, list.map(written).join(", ")]);
    }
    const args = Object.entries(envelope.custom_args).map(([name, value]) => name + "=" + value);
    if (args.length) rows.push(["Arguments", args.join(", ")]);
  }
  if (mail.reply_to.length) rows.push(["Reply to", mail.reply_to.map(written).join(", ")]);
  if (mail.categories.length) rows.push(["Categories", mail.categories.join(", ")]);
  if (mail.template_id) rows.push(["Template", mail.template_id]);
  rows.push(["Accepted", new Date(message.accepted_at).toLocaleString()]);
  rows.push(["Events", message.trail.map((entry) => entry.event + " (" + entry.email + ")").join(", ")]);
  return rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]);
}

function fileAddress(message, nth) {
  return location.origin + MAILS + encodeURIComponent(message.id) + "/attachments/" + nth;
}

// Scripts don't run in the frame, its origin is nobody's, and links open in a new tab.
function htmlFrame(message, html) {
  const frame = element("iframe");
  frame.title = "HTML body";
  frame.sandbox = "allow-popups allow-popups-to-escape-sandbox";
  frame.referrerPolicy = "no-referrer";
  let shown = html;
  message.mail.attachments.forEach((file, nth) => {
    if (file.content_id) shown = shown.replaceAll("cid:" + file.content_id, fileAddress(message, nth));
  });
  frame.srcdoc = '<base target="_blank">' + shown;
  return frame;
}

function showBodies(message) {
  const views = message.mail.content.map((content) => ({
    label: { "text/html": "HTML", "text/plain": "Text" }[content.type] || content.type,
    view: () => content.type === "text/html" ? htmlFrame(message, content.value) : element("pre", "", content.value),
  }));
  // HTML first, as a mail program prefers it.
  views.sort((a, b) => (b.label === "HTML") - (a.label === "HTML"));
  const tabs = views.map(({ label, view }) => {
    const tab = element("button", "", label);
    tab.type = "button";
    tab.role = "tab";
    tab.addEventListener("click", () => {
      for (const other of tabs) other.ariaSelected = String(other === tab);
      find("reader-body").replaceChildren(view());
    });
    return tab;
  });
  find("reader-tabs").replaceChildren(...tabs);
  find("reader-body").replaceChildren();
  if (tabs.length) tabs[0].click();
}

function fileView(message, file, nth) {
  const made = element("div");
  const link = element("a", "", file.filename);
  link.href = fileAddress(message, nth);
  link.download = file.filename;
  const about = " · " + (file.type || "unknown type") + " · " + counted(file.bytes, "byte", "bytes");
  withChildren(made, withChildren(element("h3"), link, element("span", "people", about)));
  const isText = /^text\//.test(file.type || "") || /\.(ics|txt|csv)$/i.test(file.filename);
  if (isText && file.bytes <= PREVIEW_MAX_BYTES) {
    const preview = element("pre", "", "…");
    made.append(preview);
    fetch(link.href)
      .then((answer) => answer.text())
      .then((text) => { preview.textContent = text; })
      .catch(() => preview.remove());
  }
  return made;
}

async function showReader() {
  const reader = find("reader");
  const id = location.hash.startsWith("#mail/") ? location.hash.slice("#mail/".length) : "";
  if (!id) {
    reader.close();
    return;
  }
  const answer = await fetch(MAILS + encodeURIComponent(id)).catch(() => null);
  if (!answer || !answer.ok) {
    location.hash = "";
    return;
  }
  const message = await answer.json();
  const envelope = message.mail.envelopes.find((one) => one.subject);
  find("reader-subject").textContent = (envelope && envelope.subject) || message.mail.subject || "(no subject)";
  find("reader-facts").replaceChildren(...facts(message));
  showBodies(message);
  find("reader-files").replaceChildren(...message.mail.attachments.map((file, nth) => fileView(message, file, nth)));
  if (!reader.open) reader.showModal();
  reader.scrollTop = 0;
}

find("reader-close").addEventListener("click", () => find("reader").close());
find("reader").addEventListener("close", () => { if (location.hash) location.hash = ""; });
find("reader").addEventListener("click", (event) => { if (event.target === find("reader")) find("reader").close(); });
find("search").addEventListener("input", () => { if (feed) show(); });
addEventListener("hashchange", showReader);
showReader();
poll();
