//! Fields of one record -> typed values. Evidence is judged here; nothing here fails on bad data, and raw secrets end in
//! `token`.

/// A closed list of frames.md: an enum whose values are lower-case strings, coded as a byte in columns.
macro_rules! closed_list {
    ($(#[$doc:meta])* pub enum $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $text] $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The string that stands in the frames.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The value a string names.
            pub fn from_text(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

pub mod address;
pub mod decision;
pub mod field;
pub mod identity_event;
pub mod inventory;
pub mod lazy;
pub mod local_time;
pub mod operation;
pub mod person;
pub mod proof;
pub mod request;
pub mod revocation_ticket;
pub mod route;
pub mod scope;
pub mod time;
pub mod token;
