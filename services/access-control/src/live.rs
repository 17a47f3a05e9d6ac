//! Who watches something of a workspace, and how they hear that something changed there. What changed they read
//! themselves: so a reader that is slow misses states in between, never the last one, and holds up nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::WorkspaceId;
use tokio::sync::watch;

use crate::error::Error;

/// Of one process.
const WATCHES_MAX: usize = 1_000;

/// Of one workspace, in one process.
const WATCHES_OF_WORKSPACE_MAX: usize = 50;

/// All watches of this process.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: usize,
    workspaces: HashMap<WorkspaceId, Workspace>,
    is_closed: bool,
}

#[derive(Debug)]
struct Workspace {
    count: usize,
    changed: watch::Sender<()>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch a workspace. What changes from now on is heard.
    pub(crate) fn begin(self: &Arc<Self>, workspace: WorkspaceId) -> Result<Watch, Error> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(Error::ShuttingDown);
        }
        let is_full = inner.workspaces.get(&workspace).is_some_and(|it| it.count >= WATCHES_OF_WORKSPACE_MAX);
        if is_full || inner.count >= WATCHES_MAX {
            return Err(Error::TooManyWatches);
        }
        inner.count += 1;
        let entry = inner
            .workspaces
            .entry(workspace)
            .or_insert_with(|| Workspace { count: 0, changed: watch::Sender::new(()) });
        entry.count += 1;
        Ok(Watch { watches: self.clone(), workspace, changed: entry.changed.subscribe() })
    }

    /// Something changed in a workspace.
    pub(crate) fn changed(&self, workspace: WorkspaceId) {
        if let Some(workspace) = self.lock().workspaces.get(&workspace) {
            workspace.changed.send_replace(());
        }
    }

    /// Something may have changed anywhere.
    pub(crate) fn anything_changed(&self) {
        for workspace in self.lock().workspaces.values() {
            workspace.changed.send_replace(());
        }
    }

    /// Ends all watches, and takes no more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.workspaces.clear();
    }
}

/// A watch of a workspace. Gives its place free when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    watches: Arc<Watches>,
    workspace: WorkspaceId,
    changed: watch::Receiver<()>,
}

impl Watch {
    /// Until something changed since the last time.
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        self.changed.changed().await.map_err(|_| Error::ShuttingDown)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut inner = self.watches.lock();
        inner.count -= 1;
        if let Some(workspace) = inner.workspaces.get_mut(&self.workspace) {
            workspace.count -= 1;
            if workspace.count == 0 {
                inner.workspaces.remove(&self.workspace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_watch_hears_of_its_own_workspace_once_for_all_that_came_meanwhile() {
        let watches = Arc::new(Watches::default());
        let (here, elsewhere) = (WorkspaceId::new(), WorkspaceId::new());
        let mut watch = watches.begin(here).unwrap();
        watches.changed(elsewhere);
        assert!(watch.changed().now_or_never().is_none());
        watches.changed(here);
        watches.changed(here);
        assert!(watch.changed().now_or_never().unwrap().is_ok());
        assert!(watch.changed().now_or_never().is_none());
        watches.anything_changed();
        assert!(watch.changed().now_or_never().unwrap().is_ok());
        watches.close();
        assert!(matches!(watch.changed().now_or_never(), Some(Err(Error::ShuttingDown))));
        assert!(matches!(watches.begin(here), Err(Error::ShuttingDown)));
    }

    #[test]
    fn a_workspace_has_its_number_of_watches_and_one_that_ends_makes_room() {
        let watches = Arc::new(Watches::default());
        let (busy, quiet) = (WorkspaceId::new(), WorkspaceId::new());
        let mut held: Vec<Watch> =
            (0..WATCHES_OF_WORKSPACE_MAX).map(|_| watches.begin(busy).unwrap()).collect();
        assert!(matches!(watches.begin(busy), Err(Error::TooManyWatches)));
        drop(watches.begin(quiet).unwrap());
        held.pop();
        held.push(watches.begin(busy).unwrap());
        drop(held);
        let inner = watches.lock();
        assert_eq!((inner.count, inner.workspaces.len()), (0, 0), "nothing is left behind");
    }
}
