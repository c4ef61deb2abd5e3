//! Client addresses, as far as privacy allows them.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What becomes of client addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addresses {
    /// They stay as they are logged.
    #[default]
    Whole,
    /// Only their network stays: /24 of IPv4, /48 of IPv6. What is no address is left out.
    Network,
    /// None stays.
    Dropped,
}

impl Addresses {
    /// The value that a configuration names.
    pub fn from_text(text: &str) -> Option<Addresses> {
        match text {
            "whole" => Some(Addresses::Whole),
            "network" => Some(Addresses::Network),
            "none" => Some(Addresses::Dropped),
            _ => None,
        }
    }

    /// The value as a configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Addresses::Whole => "whole",
            Addresses::Network => "network",
            Addresses::Dropped => "none",
        }
    }

    /// What of a logged address stays.
    pub fn of(self, address: Cow<'_, str>) -> Option<Cow<'_, str>> {
        match self {
            Addresses::Whole => Some(address),
            Addresses::Network => network_of(&address).map(Cow::Owned),
            Addresses::Dropped => None,
        }
    }
}

/// `203.0.113.0/24` of `203.0.113.7`, of `203.0.113.7:443` and of `203.0.113.7, 10.0.0.1`; `2001:db8:1::/48` of IPv6 likewise.
fn network_of(text: &str) -> Option<String> {
    let first = text.split(',').next().unwrap_or_default().trim();
    let bare = first.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.split('%').next().unwrap_or(bare);
    let address = bare.parse::<IpAddr>().ok().or_else(|| first.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_network_stays() {
        let network = |text: &str| Addresses::Network.of(text.into()).map(Cow::into_owned);
        for text in ["203.0.113.7", "203.0.113.7:443", "203.0.113.7, 10.0.0.1", "::ffff:203.0.113.7", " 203.0.113.7 "] {
            assert_eq!(network(text).as_deref(), Some("203.0.113.0/24"), "{text}");
        }
        for text in ["2001:db8:1:2::7", "[2001:db8:1:2::7]:443", "[2001:db8:1::1]", "2001:db8:1::1%eth0"] {
            assert_eq!(network(text).as_deref(), Some("2001:db8:1::/48"), "{text}");
        }
        for text in ["alice-laptop.example.com", "", "203.0.113", "203.0.113.7.9", "unknown"] {
            assert_eq!(network(text), None, "{text}");
        }
        assert_eq!((Addresses::Whole.of("x".into()).as_deref(), Addresses::Dropped.of("203.0.113.7".into())), (Some("x"), None));
    }
}
