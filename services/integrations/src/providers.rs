//! The providers that can be connected, and the values that each of them needs.

/// A provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// In the contract, in settings and on the bus: one subject token.
    pub name: &'static str,
    /// For people.
    pub display_name: &'static str,
    /// Its values, all required.
    pub credentials: &'static [&'static str],
    /// The one service that may have them.
    pub reader: &'static str,
}

/// All of them.
pub(crate) static PROVIDERS: [Provider; 1] = [Provider {
    name: "kisi",
    display_name: "Kisi",
    // Kisi API reference, Authentication: `Authorization: KISI-LOGIN {key}`, and nothing else.
    credentials: &["api_key"],
    reader: "kisi-adapter",
}];

/// The provider of that name.
pub(crate) fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}
