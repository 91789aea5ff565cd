//! Where an account lives.

use std::{fmt, str::FromStr};

/// A region of the platform. Data of a residency region never leaves it; keys belong to one region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// Wherever is near. The default.
    #[default]
    Global,
    /// The United States.
    Us,
    /// Residency in the European Union.
    Eu,
    /// Residency in India.
    In,
    /// Residency in Singapore.
    Sg,
}

/// A word that names no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no region {0:?}; regions are global, us, eu, in and sg")]
pub struct UnknownRegion(String);

impl Region {
    /// Every region.
    pub const ALL: [Self; 5] = [Self::Global, Self::Us, Self::Eu, Self::In, Self::Sg];

    /// The host of REST and of every WebSocket.
    pub const fn host(self) -> &'static str {
        match self {
            Self::Global => "api.elevenlabs.io",
            Self::Us => "api.us.elevenlabs.io",
            Self::Eu => "api.eu.residency.elevenlabs.io",
            Self::In => "api.in.residency.elevenlabs.io",
            Self::Sg => "api.sg.residency.elevenlabs.io",
        }
    }

    /// Where WebRTC conversations are held; none is published for Singapore.
    pub const fn webrtc_url(self) -> Option<&'static str> {
        match self {
            Self::Global | Self::Us => Some("wss://livekit.rtc.elevenlabs.io"),
            Self::Eu => Some("wss://livekit.rtc.eu.residency.elevenlabs.io"),
            Self::In => Some("wss://livekit.rtc.in.residency.elevenlabs.io"),
            Self::Sg => None,
        }
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    /// `eu` and `eu-residency`, in any case.
    fn from_str(word: &str) -> Result<Self, UnknownRegion> {
        let lower = word.trim().to_ascii_lowercase();
        match lower.strip_suffix("-residency").unwrap_or(&lower) {
            "global" => Ok(Self::Global),
            "us" => Ok(Self::Us),
            "eu" => Ok(Self::Eu),
            "in" => Ok(Self::In),
            "sg" => Ok(Self::Sg),
            _ => Err(UnknownRegion(word.to_owned())),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::Us => "us",
            Self::Eu => "eu",
            Self::In => "in",
            Self::Sg => "sg",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_read_as_it_is_written() {
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
        }
        assert_eq!("EU-residency".parse(), Ok(Region::Eu));
        assert!("moon".parse::<Region>().is_err());
    }
}
