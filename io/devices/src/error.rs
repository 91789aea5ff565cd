//! What goes wrong with a sound device, and what to do about it.

use cpal::ErrorKind;

use crate::Direction;

/// Why a device could not be used. Each says what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The machine has no such device at all.
    #[error(
        "no {direction} was found. Plug one in, or use --input and --output with WAV files, or --text"
    )]
    None {
        /// What was looked for.
        direction: Direction,
    },
    /// No device has the wanted name.
    #[error("no {direction} is called '{wanted}'. There is: {}", list(.there))]
    Unknown {
        /// What was looked for.
        direction: Direction,
        /// The name asked for.
        wanted: String,
        /// The names there are.
        there: Vec<String>,
    },
    /// More than one device has the wanted name.
    #[error("'{wanted}' could be any of these: {}. Give more of the name", list(.there))]
    Ambiguous {
        /// The name asked for.
        wanted: String,
        /// Those that match.
        there: Vec<String>,
    },
    /// Another program holds it, or it does not answer in time.
    #[error(
        "{device} is in use by another program, or does not answer. Close that program, or choose another with --device-in or --device-out"
    )]
    Busy {
        /// Its name.
        device: String,
    },
    /// The system does not let us.
    #[error(
        "the system does not permit using {device}. Allow microphone access, or join the group 'audio'"
    )]
    Denied {
        /// Its name.
        device: String,
    },
    /// No sound server or kernel driver answers.
    #[error(
        "this machine has no working sound system: {reason}. Start PulseAudio or PipeWire, or use WAV files"
    )]
    NoSoundSystem {
        /// What it said.
        reason: String,
    },
    /// It offers no format that we can convert.
    #[error("{device} offers no usable format: {reason}")]
    Unsupported {
        /// Its name.
        device: String,
        /// What it said.
        reason: String,
    },
    /// Anything else.
    #[error("{device} failed: {reason}")]
    Failed {
        /// Its name.
        device: String,
        /// What it said.
        reason: String,
    },
}

impl DeviceError {
    pub(crate) fn from_cpal(device: &str, error: &cpal::Error) -> Self {
        let device = device.to_owned();
        let reason = error.to_string();
        match error.kind() {
            ErrorKind::DeviceBusy => Self::Busy { device },
            ErrorKind::PermissionDenied => Self::Denied { device },
            ErrorKind::HostUnavailable => Self::NoSoundSystem { reason },
            ErrorKind::UnsupportedConfig => Self::Unsupported { device, reason },
            _ => Self::Failed { device, reason },
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_another_program_holds_is_said_to_be_busy_and_what_to_do() {
        // What ALSA's EBUSY and PulseAudio's "busy" arrive as.
        let error = DeviceError::from_cpal("Headset", &ErrorKind::DeviceBusy.into());
        let busy = DeviceError::Busy {
            device: "Headset".to_owned(),
        };
        assert_eq!(error, busy);
        let words = error.to_string();
        for part in ["Headset", "in use by another program", "--device-in"] {
            assert!(words.contains(part), "{words}");
        }
    }
}
