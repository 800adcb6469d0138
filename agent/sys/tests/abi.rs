//! Layouts and ioctl numbers against the kernel's headers, by C programs compiled on the spot.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "the C compiler is the oracle; a broken build machine may fail the test loudly"
)]

use socle_sys::ethtool::{self, DriverInfo, Ifreq, Settings};
use socle_sys::ipmi::*;
use socle_sys::nvme::{ADMIN_CMD, AdminCmd, Refused, identify_controller, log_page};
use std::fmt::Write as _;
use std::mem::offset_of;
use std::os::fd::AsFd as _;
use std::process::Command;

#[test]
fn ipmi_structures_match_the_kernel_header() {
    compare("linux/ipmi.h", &facts());
}

#[test]
fn nvme_structures_match_the_kernel_header() {
    let size = |size: usize| u64::try_from(size).unwrap();
    let mut facts = vec![
        ("NVME_IOCTL_ADMIN_CMD", ADMIN_CMD),
        ("sizeof(struct nvme_admin_cmd)", size(size_of::<AdminCmd>())),
    ];
    macro_rules! offsets {
        ($($field:ident)*) => {$(
            facts.push((
                concat!("offsetof(struct nvme_admin_cmd, ", stringify!($field), ")"),
                size(offset_of!(AdminCmd, $field)),
            ));
        )*};
    }
    offsets!(opcode flags rsvd1 nsid cdw2 cdw3 metadata addr metadata_len data_len cdw10 cdw11 cdw12
        cdw13 cdw14 cdw15 timeout_ms result);
    compare("linux/nvme_ioctl.h", &facts);
}

#[test]
fn ethtool_structures_match_the_kernel_header() {
    let size = |size: usize| u64::try_from(size).unwrap();
    let mut facts = vec![
        ("SIOCETHTOOL", ethtool::SIOCETHTOOL),
        ("IFNAMSIZ", size(ethtool::NAME_LENGTH)),
        ("ETH_GSTRING_LEN", size(ethtool::STRING_LENGTH)),
        ("ETHTOOL_GSET", ethtool::GET_SETTINGS.into()),
        ("ETHTOOL_GDRVINFO", ethtool::GET_DRIVER.into()),
        ("ETHTOOL_GSTRINGS", ethtool::GET_STRINGS.into()),
        ("ETHTOOL_GSTATS", ethtool::GET_STATISTICS.into()),
        ("ETH_SS_STATS", ethtool::STRINGS_OF_STATISTICS.into()),
        ("sizeof(struct ifreq)", size(size_of::<Ifreq>())),
        ("offsetof(struct ifreq, ifr_data)", size(offset_of!(Ifreq, data))),
        ("sizeof(struct ethtool_drvinfo)", size(size_of::<DriverInfo>())),
        ("sizeof(struct ethtool_cmd)", size(size_of::<Settings>())),
        ("offsetof(struct ethtool_gstrings, len)", size(ethtool::STRINGS_HEAD - 4)),
        ("offsetof(struct ethtool_gstrings, data)", size(ethtool::STRINGS_HEAD)),
        ("offsetof(struct ethtool_stats, n_stats)", size(ethtool::STATISTICS_HEAD - 4)),
        ("offsetof(struct ethtool_stats, data)", size(ethtool::STATISTICS_HEAD)),
    ];
    macro_rules! offsets {
        ($theirs:literal, $ours:ident: $($field:ident)*) => {$(
            facts.push((
                concat!("offsetof(struct ", $theirs, ", ", stringify!($field), ")"),
                size(offset_of!($ours, $field)),
            ));
        )*};
    }
    offsets!("ethtool_drvinfo", DriverInfo: driver version fw_version bus_info erom_version n_priv_flags
        n_stats testinfo_len eedump_len regdump_len);
    offsets!("ethtool_cmd", Settings: supported advertising speed duplex port phy_address transceiver
        autoneg mdio_support maxtxpkt maxrxpkt speed_hi eth_tp_mdix eth_tp_mdix_ctrl lp_advertising
        reserved);
    compare("linux/if.h>\n#include <linux/sockios.h>\n#include <linux/ethtool.h", &facts);
}

#[test]
fn a_socket_that_speaks_no_ip_may_ask_network_devices() {
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let socket = socket.as_fd();
    for name in ["", "no-such-device0", "a-name-of-16-char", "a\0b"] {
        let refused = ethtool::driver_info(socket, name).unwrap_err();
        let known = [socle_sys::Errno::ENODEV, socle_sys::Errno::EINVAL];
        assert!(known.contains(&refused), "{name:?}: {refused}");
    }
    let mut room = ethtool::Room::new().unwrap();
    assert_eq!(room.statistics(socket, "lo", 1 << 20).unwrap_err(), socle_sys::Errno::E2BIG);
    // The loopback device has neither statistics nor a link of its own.
    assert_eq!(ethtool::settings(socket, "lo").unwrap_err(), socle_sys::Errno::EOPNOTSUPP);
    for entry in std::fs::read_dir("/sys/class/net").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Ok(info) = ethtool::driver_info(socket, &name) else { continue };
        assert_ne!(info.driver.first(), Some(&0), "{name} is driven by somebody");
        if info.n_stats == 0 {
            continue;
        }
        let statistics = room.statistics(socket, &name, info.n_stats).unwrap();
        assert_eq!(u32::try_from(statistics.len()).unwrap(), info.n_stats);
        assert!(statistics.iter().all(|(name, _)| name.first() != Some(&0)), "{statistics:?}");
    }
}

#[test]
fn what_is_no_controller_is_refused_by_the_kernel() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let refused = Refused::Kernel(socle_sys::Errno::ENOTTY);
    assert_eq!(identify_controller(file.as_fd()), Err(refused));
    assert_eq!(log_page(file.as_fd(), 2, 512), Err(refused));
    for length in [0, 3, 510, 1 << 20] {
        let refused = Err(Refused::Kernel(socle_sys::Errno::EINVAL));
        assert_eq!(log_page(file.as_fd(), 2, length), refused, "{length}");
    }
}

/// Every term of C in the header must have the value given.
fn compare(header: &str, facts: &[(&'static str, u64)]) {
    let mut source = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <sys/ioctl.h>\n#include <{header}>\n\
         #define V(x) printf(\"%s=%lu\\n\", #x, (unsigned long)(x))\nint main(void) {{\n",
    );
    let mut expected = String::new();
    for (term, ours) in facts {
        writeln!(source, "V({term});").unwrap();
        writeln!(expected, "{term}={ours}").unwrap();
    }
    source.push_str("return 0; }\n");
    let name: String = header.chars().filter(char::is_ascii_alphanumeric).collect();
    let dir = std::env::temp_dir().join(format!("socle-abi-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (file, program) = (dir.join("abi.c"), dir.join("abi"));
    std::fs::write(&file, source).unwrap();
    let Ok(compiled) = Command::new("cc").arg("-o").arg(&program).arg(&file).output() else {
        println!("skipped: no C compiler (package gcc) to read <{header}> with");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let said = Command::new(&program).output().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), expected);
}

fn facts() -> Vec<(&'static str, u64)> {
    let size = |size: usize| u64::try_from(size).unwrap();
    vec![
        ("IPMICTL_SEND_COMMAND", SEND_COMMAND),
        ("IPMICTL_RECEIVE_MSG_TRUNC", RECEIVE_MSG_TRUNC),
        ("IPMI_MAX_MSG_LENGTH", size(MESSAGE_MAX)),
        ("IPMI_RESPONSE_RECV_TYPE", u64::try_from(RECEIVED_RESPONSE).unwrap()),
        ("IPMI_SYSTEM_INTERFACE_ADDR_TYPE", u64::try_from(ADDRESS_SYSTEM_INTERFACE).unwrap()),
        ("IPMI_BMC_CHANNEL", u64::try_from(CHANNEL_BMC).unwrap()),
        ("sizeof(struct ipmi_system_interface_addr)", size(size_of::<SystemInterfaceAddr>())),
        (
            "offsetof(struct ipmi_system_interface_addr, channel)",
            size(offset_of!(SystemInterfaceAddr, channel)),
        ),
        (
            "offsetof(struct ipmi_system_interface_addr, lun)",
            size(offset_of!(SystemInterfaceAddr, lun)),
        ),
        ("sizeof(struct ipmi_addr)", size(size_of::<AnyAddr>())),
        ("sizeof(struct ipmi_msg)", size(size_of::<Msg>())),
        ("offsetof(struct ipmi_msg, cmd)", size(offset_of!(Msg, cmd))),
        ("offsetof(struct ipmi_msg, data_len)", size(offset_of!(Msg, data_len))),
        ("offsetof(struct ipmi_msg, data)", size(offset_of!(Msg, data))),
        ("sizeof(struct ipmi_req)", size(size_of::<Req>())),
        ("offsetof(struct ipmi_req, addr_len)", size(offset_of!(Req, addr_len))),
        ("offsetof(struct ipmi_req, msgid)", size(offset_of!(Req, msgid))),
        ("offsetof(struct ipmi_req, msg)", size(offset_of!(Req, msg))),
        ("sizeof(struct ipmi_recv)", size(size_of::<Recv>())),
        ("offsetof(struct ipmi_recv, addr)", size(offset_of!(Recv, addr))),
        ("offsetof(struct ipmi_recv, addr_len)", size(offset_of!(Recv, addr_len))),
        ("offsetof(struct ipmi_recv, msgid)", size(offset_of!(Recv, msgid))),
        ("offsetof(struct ipmi_recv, msg)", size(offset_of!(Recv, msg))),
    ]
}
