//! Objects of one kind, in the order in which they were made.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What has an id, and a form that clients see.
pub(super) trait Object {
    /// As errors call it.
    const KIND: &'static str;

    fn id(&self) -> &str;

    /// When it was made, in Unix seconds.
    fn created(&self) -> i64;

    /// As clients see it.
    fn json(&self) -> Value;
}

/// Finds by id, and lists from either end.
#[derive(Debug, Clone)]
pub(super) struct Shelf<T> {
    objects: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Object> Shelf<T> {
    pub(super) fn add(&mut self, object: T) {
        self.places.insert(object.id().to_owned(), self.objects.len());
        self.objects.push(object);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.place(id).map(|place| &self.objects[place])
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let place = self.place(id)?;
        Some(&mut self.objects[place])
    }

    /// Where it stands among all that were ever made.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Oldest first.
    pub(super) fn all(&self) -> &[T] {
        &self.objects
    }
}

impl<T: Serialize> Serialize for Shelf<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.objects.serialize(to)
    }
}

impl<'de, T: Object + Deserialize<'de>> Deserialize<'de> for Shelf<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut shelf = Self::default();
        Vec::<T>::deserialize(from)?.into_iter().for_each(|object| shelf.add(object));
        Ok(shelf)
    }
}
