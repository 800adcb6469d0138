//! The names of sensor types (table 42-3), as FreeIPMI prints them.

const TYPES: [&str; 0x2D] = [
    "Reserved",
    "Temperature",
    "Voltage",
    "Current",
    "Fan",
    "Physical Security",
    "Platform Security Violation Attempt",
    "Processor",
    "Power Supply",
    "Power Unit",
    "Cooling Device",
    "Other Units Based Sensor",
    "Memory",
    "Drive Slot",
    "POST Memory Resize",
    "System Firmware Progress",
    "Event Logging Disabled",
    "Watchdog 1",
    "System Event",
    "Critical Interrupt",
    "Button/Switch",
    "Module/Board",
    "Microcontroller/Coprocessor",
    "Add In Card",
    "Chassis",
    "Chip Set",
    "Other FRU",
    "Cable/Interconnect",
    "Terminator",
    "System Boot Initiated",
    "Boot Error",
    "OS Boot",
    "OS Critical Stop",
    "Slot/Connector",
    "System ACPI Power State",
    "Watchdog 2",
    "Platform Alert",
    "Entity Presence",
    "Monitor ASIC/IC",
    "LAN",
    "Management Subsystem Health",
    "Battery",
    "Session Audit",
    "Version Change",
    "FRU State",
];

/// A sensor type as FreeIPMI prints it.
#[must_use]
pub fn type_name(sensor_type: u8) -> &'static str {
    match sensor_type {
        0xC0.. => "OEM Reserved",
        code => TYPES.get(usize::from(code)).copied().unwrap_or("Reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::type_name;

    #[test]
    fn names_at_both_ends_of_the_table() {
        for (code, name) in [
            (0x00, "Reserved"),
            (0x01, "Temperature"),
            (0x08, "Power Supply"),
            (0x0B, "Other Units Based Sensor"),
            (0x21, "Slot/Connector"),
            (0x2C, "FRU State"),
            (0x2D, "Reserved"),
            (0xBF, "Reserved"),
            (0xC0, "OEM Reserved"),
            (0xFF, "OEM Reserved"),
        ] {
            assert_eq!(type_name(code), name, "{code:02X}");
        }
    }
}
