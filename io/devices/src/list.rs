//! Which devices there are, and finding one by name.

use std::{fmt, fs, path::Path};

use cpal::{
    Device, Host,
    traits::{DeviceTrait, HostTrait},
};

use crate::{DeviceError, cookie};

/// Which way sound goes through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Into the machine.
    Microphone,
    /// Out of it.
    Speaker,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        })
    }
}

/// One device as a person chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The system's id; choosing by it is never ambiguous.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Which way sound goes.
    pub direction: Direction,
    /// Whether the system would choose it.
    pub is_default: bool,
    /// Whether it only records what a speaker plays. Such a device is never chosen by itself: the agent would hear itself.
    pub is_monitor: bool,
    /// Samples per second it runs at by default, in Hz.
    pub rate: u32,
    /// Channels it has by default.
    pub channels: u16,
    /// Its sample format by default, such as `i16`.
    pub format: String,
}

/// The sound system of this machine: a sound server where one answers, else ALSA, else an error.
///
/// ALSA without a card is not asked at all: it would write a page of its own words to standard error.
pub(crate) fn host() -> Result<Host, DeviceError> {
    let mut host = cpal::default_host();
    if is_alsa(&host) && cookie::make() {
        host = cpal::default_host();
    }
    if is_alsa(&host) && !has_card() {
        return Err(DeviceError::NoSoundSystem {
            reason: match cookie::socket() {
                Some(socket) => format!(
                    "the sound server at {} does not let us in, and there is no sound card",
                    socket.display()
                ),
                None => "no sound server answers, and there is no sound card".to_owned(),
            },
        });
    }
    Ok(host)
}

fn is_alsa(host: &Host) -> bool {
    cfg!(target_os = "linux") && host.id().to_string().eq_ignore_ascii_case("alsa")
}

/// Whether the kernel knows a sound card, or somebody has configured ALSA to reach one elsewhere.
fn has_card() -> bool {
    Path::new("/etc/asound.conf").exists()
        || fs::read_to_string("/proc/asound/cards").is_ok_and(|cards| cards.contains('['))
}

/// Every usable device of this machine. Asks the sound system anew each time; takes tens of milliseconds.
///
/// # Errors
/// [`DeviceError::NoSoundSystem`] when nothing answers.
pub fn list() -> Result<Vec<DeviceInfo>, DeviceError> {
    let host = host()?;
    let defaults = [
        host.default_input_device().map(|device| id(&device)),
        host.default_output_device().map(|device| id(&device)),
    ];
    let devices = host
        .devices()
        .map_err(|error| DeviceError::from_cpal("the sound system", &error))?;
    let mut infos = Vec::new();
    for device in devices {
        let id = id(&device);
        let configs = [
            (Direction::Microphone, device.default_input_config().ok()),
            (Direction::Speaker, device.default_output_config().ok()),
        ];
        for (direction, config) in configs {
            let Some(config) = config else { continue };
            infos.push(DeviceInfo {
                is_default: defaults[direction as usize].as_ref() == Some(&id),
                is_monitor: direction == Direction::Microphone && is_monitor(&id),
                name: name(&device),
                id: id.clone(),
                direction,
                rate: config.sample_rate(),
                channels: config.channels(),
                format: config.sample_format().to_string(),
            });
        }
    }
    Ok(infos)
}

/// The device called `wanted`, or the system's default. Names match by any part, in any case; an id matches whole.
pub(crate) fn find(
    host: &Host,
    direction: Direction,
    wanted: Option<&str>,
) -> Result<Device, DeviceError> {
    let Some(wanted) = wanted else {
        let device = match direction {
            Direction::Microphone => host
                .default_input_device()
                .filter(|device| !is_monitor(&id(device))),
            Direction::Speaker => host.default_output_device(),
        };
        return device.ok_or(DeviceError::None { direction });
    };
    let devices = match direction {
        Direction::Microphone => host.input_devices().map(Iterator::collect::<Vec<_>>),
        Direction::Speaker => host.output_devices().map(Iterator::collect::<Vec<_>>),
    }
    .map_err(|error| DeviceError::from_cpal("the sound system", &error))?;
    let names: Vec<_> = devices
        .iter()
        .map(|device| (id(device), name(device)))
        .collect();
    let position = choose(&names, wanted).map_err(|matches| {
        let label = |(id, name): &(String, String)| format!("{name} ({id})");
        if matches.is_empty() {
            DeviceError::Unknown {
                direction,
                wanted: wanted.to_owned(),
                there: names.iter().map(label).collect(),
            }
        } else {
            DeviceError::Ambiguous {
                wanted: wanted.to_owned(),
                there: matches.iter().map(|&at| label(&names[at])).collect(),
            }
        }
    })?;
    devices
        .into_iter()
        .nth(position)
        .ok_or(DeviceError::None { direction })
}

/// So many other devices are tried when the default one is busy: each may take its time to refuse.
const MOST_TRIED: usize = 4;

/// Opens the wanted device. Where none was named and the default one is in use by another program, another one that is free
/// is as good: `open` gets the id it is to be known by, so that nobody goes back to the busy one by himself.
pub(crate) fn open_free<T>(
    host: &Host,
    direction: Direction,
    wanted: Option<&str>,
    mut open: impl FnMut(&Device, Option<String>) -> Result<T, DeviceError>,
) -> Result<T, DeviceError> {
    let device = find(host, direction, wanted)?;
    let busy = match open(&device, wanted.map(str::to_owned)) {
        Err(error @ DeviceError::Busy { .. }) if wanted.is_none() => error,
        other => return other,
    };
    let default = id(&device);
    let others = match direction {
        Direction::Microphone => host.input_devices().map(Iterator::collect::<Vec<_>>),
        Direction::Speaker => host.output_devices().map(Iterator::collect::<Vec<_>>),
    }
    .unwrap_or_default();
    let others = others.into_iter().filter(|other| {
        let id = id(other);
        id != default && !is_monitor(&id) && !is_nowhere(&id)
    });
    first_free(others.take(MOST_TRIED), busy, |device| {
        open(device, Some(id(device)))
    })
}

/// The first that opens; else the error of the one that was wanted.
fn first_free<D, T>(
    devices: impl IntoIterator<Item = D>,
    busy: DeviceError,
    mut open: impl FnMut(&D) -> Result<T, DeviceError>,
) -> Result<T, DeviceError> {
    for device in devices {
        match open(&device) {
            Ok(opened) => return Ok(opened),
            Err(error) => tracing::debug!(%error, "nor is this one free"),
        }
    }
    Err(busy)
}

/// ALSA has a device that hears and plays nothing at all.
fn is_nowhere(id: &str) -> bool {
    id == "null"
}

/// Which of `(id, name)` is meant by `wanted`; the matches where that is not exactly one.
fn choose(names: &[(String, String)], wanted: &str) -> Result<usize, Vec<usize>> {
    if let Some(exact) = names.iter().position(|(id, _)| id == wanted) {
        return Ok(exact);
    }
    let wanted = wanted.to_lowercase();
    let matching = |test: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..names.len())
            .filter(|&at| test(&names[at].0.to_lowercase()) || test(&names[at].1.to_lowercase()))
            .collect()
    };
    for matches in [
        matching(&|text| text == wanted),
        matching(&|text| text.contains(&wanted)),
    ] {
        match matches.as_slice() {
            [] => {}
            [only] => return Ok(*only),
            _ => return Err(matches),
        }
    }
    Err(Vec::new())
}

pub(crate) fn id(device: &Device) -> String {
    device
        .id()
        .map_or_else(|_| name(device), |id| id.id().to_owned())
}

pub(crate) fn name(device: &Device) -> String {
    device.description().map_or_else(
        |_| "an unnamed device".to_owned(),
        |description| description.name().to_owned(),
    )
}

/// PulseAudio and PipeWire give every speaker a monitor that looks like a microphone.
fn is_monitor(id: &str) -> bool {
    id.ends_with(".monitor")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<(String, String)> {
        [
            ("usb.1", "USB Headset Mono"),
            ("usb.2", "USB Headset Stereo"),
            ("pci.0", "Built-in Audio"),
        ]
        .map(|(id, name)| (id.to_owned(), name.to_owned()))
        .to_vec()
    }

    #[test]
    fn a_part_of_the_name_in_any_case_is_enough() {
        assert_eq!(choose(&names(), "built"), Ok(2));
        assert_eq!(choose(&names(), "STEREO"), Ok(1));
    }

    #[test]
    fn an_ambiguous_name_names_the_candidates() {
        assert_eq!(choose(&names(), "headset"), Err(vec![0, 1]));
    }

    #[test]
    fn an_id_is_never_ambiguous() {
        assert_eq!(choose(&names(), "usb.1"), Ok(0));
    }

    #[test]
    fn while_the_default_device_is_busy_a_free_one_is_taken() {
        let busy = |device: &str| DeviceError::Busy {
            device: device.to_owned(),
        };
        let open = |name: &&str| match *name {
            "headset" => Ok("headset is open"),
            other => Err(busy(other)),
        };
        let opened = first_free(["dock", "headset"], busy("built-in"), open);
        assert_eq!(opened, Ok("headset is open"));
        let refused = first_free(["dock", "screen"], busy("built-in"), open);
        assert_eq!(refused, Err(busy("built-in")), "the one that was wanted");
    }

    #[test]
    fn an_unknown_name_matches_nothing() {
        assert_eq!(choose(&names(), "bluetooth"), Err(vec![]));
    }
}
