//! Why a file is not taken.

chassis::text_enum! {
    /// Why a file is not taken. For good: what is wrong with it stays wrong.
    pub(crate) enum Refusal {
        /// Not as many bytes as were said.
        SizeMismatch = "SIZE_MISMATCH",
        /// It is something else than was said.
        TypeMismatch = "TYPE_MISMATCH",
        /// Nobody can tell what it is.
        TypeUnknown = "TYPE_UNKNOWN",
        /// A page or a drawing, which may hold a script.
        Markup = "MARKUP",
        /// A program.
        Program = "PROGRAM",
        /// A picture that is cut off or damaged.
        Damaged = "DAMAGED",
        /// A picture of more pixels than are taken, or one that unfolds to more memory than it may.
        TooManyPixels = "TOO_MANY_PIXELS",
        /// The scanner found a virus.
        Virus = "VIRUS",
    }
}

impl Refusal {
    /// What is wrong, and what to do.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::SizeMismatch => "it has another size than was said; start another upload",
            Self::TypeMismatch => "it is not what it was said to be; name its real type",
            Self::TypeUnknown => "nobody can tell what it is; send a file of a common type",
            Self::Markup => "it is a page or a drawing that may hold a script; send a picture or a PDF of it",
            Self::Program => "it is a program; programs are not kept",
            Self::Damaged => "the picture is cut off or damaged; send it again",
            Self::TooManyPixels => "the picture has too many pixels; send a smaller one",
            Self::Virus => "the virus scanner found something in it",
        }
    }
}
