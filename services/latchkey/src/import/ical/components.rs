//! Components of an iCalendar file: `BEGIN:VEVENT` to `END:VEVENT`, with others inside.

use crate::import::line::{self, ContentLine};
use crate::import::{Fault, Refused};

/// Deeper nesting is a fault; a calendar has three levels.
const DEPTH_MAX: usize = 8;

/// One component.
#[derive(Debug, Default)]
pub(super) struct Component {
    /// In capitals, such as `VEVENT`.
    pub(super) name: String,
    /// The line of its `BEGIN`.
    pub(super) line: usize,
    pub(super) properties: Vec<ContentLine>,
    pub(super) children: Vec<Component>,
    /// What was wrong with its lines, the first of it.
    pub(super) fault: Option<Fault>,
}

impl Component {
    /// The first property of that name.
    pub(super) fn property(&self, name: &str) -> Option<&ContentLine> {
        self.properties_named(name).next()
    }

    /// All properties of that name.
    pub(super) fn properties_named(&self, name: &str) -> impl Iterator<Item = &ContentLine> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// The one property of that name that there can be.
    pub(super) fn only(&self, name: &str) -> Result<Option<&ContentLine>, Fault> {
        let mut found = self.properties_named(name);
        let first = found.next();
        match found.next() {
            Some(second) => Err(Fault::new(second.number, name, "occurs twice")),
            None => Ok(first),
        }
    }

    fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// The outermost components of a file, and what belongs to none.
pub(super) fn read(bytes: &[u8]) -> (Vec<Component>, Vec<Refused>) {
    let mut tree = Tree { roots: Vec::new(), open: Vec::new(), refused: Vec::new() };
    for read in line::read(bytes) {
        match read {
            Ok(line) if line.name == "BEGIN" => tree.begin(&line),
            Ok(line) if line.name == "END" => tree.end(&line),
            Ok(line) => match tree.open.last_mut() {
                Some(component) => component.properties.push(line),
                None => {
                    let fault =
                        Fault::new(line.number, line.name.clone(), "stands outside of every component");
                    tree.refused.push(fault.about(&line.value));
                }
            },
            Err(malformed) => tree.blame_open(malformed.number, malformed.reason, &malformed.text),
        }
    }
    while !tree.open.is_empty() {
        tree.close_last(Some("is not closed; the file may be cut off"));
    }
    (tree.roots, tree.refused)
}

struct Tree {
    roots: Vec<Component>,
    open: Vec<Component>,
    refused: Vec<Refused>,
}

impl Tree {
    fn begin(&mut self, line: &ContentLine) {
        let name = line.value.trim().to_ascii_uppercase();
        // No event holds another: the one before was not closed.
        let inside = ["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE"];
        if name == "VCALENDAR" || inside.contains(&name.as_str()) {
            while self.open.last().is_some_and(|open| open.name != "VCALENDAR" || name == "VCALENDAR") {
                self.close_last(Some("is not closed"));
            }
        }
        if self.open.len() >= DEPTH_MAX {
            self.blame_open(line.number, "is nested too deep", &name);
            return;
        }
        self.open.push(Component { name, line: line.number, ..Component::default() });
    }

    fn end(&mut self, line: &ContentLine) {
        let name = line.value.trim().to_ascii_uppercase();
        if !self.open.iter().any(|open| open.name == name) {
            self.blame_open(line.number, "ends what was not begun", &format!("END:{name}"));
            return;
        }
        while self.open.last().is_some_and(|open| open.name != name) {
            self.close_last(Some("is not closed"));
        }
        self.close_last(None);
    }

    fn close_last(&mut self, fault: Option<&str>) {
        let Some(mut component) = self.open.pop() else { return };
        if let Some(reason) = fault {
            component.blame(Fault::new(component.line, component.name.clone(), reason));
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(component),
            None => self.roots.push(component),
        }
    }

    /// A fault between components is listed by itself; one inside of a component is that
    /// component's: which of its properties was meant, nobody can know.
    fn blame_open(&mut self, number: usize, reason: &str, text: &str) {
        match self.open.last_mut() {
            Some(component) if component.name != "VCALENDAR" => {
                component.blame(Fault::new(number, "", format!("line {number} {reason}")));
            }
            _ => self.refused.push(Fault::new(number, "", reason).about(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(component: &Component) -> String {
        let children: Vec<String> = component.children.iter().map(shape).collect();
        let fault = if component.fault.is_some() { "!" } else { "" };
        format!("{}{fault}@{}({})", component.name, component.line, children.join(" "))
    }

    fn shapes(text: &str) -> (String, usize) {
        let (roots, refused) = read(text.as_bytes());
        (roots.iter().map(shape).collect::<Vec<_>>().join(" "), refused.len())
    }

    #[test]
    fn components_nest() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VALARM\nEND:VALARM\nEND:vevent\nEND:VCALENDAR\n";
        assert_eq!(shapes(text), ("VCALENDAR@1(VEVENT@2(VALARM@3()))".into(), 0));
    }

    #[test]
    fn what_is_not_closed_costs_only_itself() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VEVENT\nEND:VEVENT\nBEGIN:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(shapes(text), ("VCALENDAR@1(VEVENT!@2() VEVENT@3() VEVENT!@5())".into(), 0));
        let cut_off = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nBEGIN:VEVENT\nSUMM";
        assert_eq!(shapes(cut_off), ("VCALENDAR!@1(VEVENT@2() VEVENT!@4())".into(), 0));
    }

    #[test]
    fn stray_lines_are_listed_or_blamed_on_what_they_stand_in() {
        let text =
            "X:1\nBEGIN:VCALENDAR\nnonsense\nEND:VEVENT\nBEGIN:VEVENT\nnonsense\nEND:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(shapes(text), ("VCALENDAR@2(VEVENT!@5())".into(), 3));
        let deep = format!("{}X:1\n", "BEGIN:A\n".repeat(100));
        assert!(shapes(&deep).0.len() < 200);
    }
}
