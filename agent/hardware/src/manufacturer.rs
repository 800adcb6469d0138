//! Names of manufacturers by their IANA enterprise number, as FreeIPMI's `bmc-info` prints them and
//! `ipmi_bmc_info` therefore shows them.

/// `NAME (NUMBER)` where FreeIPMI knows the name, else the number.
pub(crate) fn label(number: u32) -> String {
    match NAMES.binary_search_by_key(&number, |(known, _)| *known) {
        Ok(at) => {
            NAMES.get(at).map_or_else(|| number.to_string(), |(_, n)| format!("{n} ({number})"))
        }
        Err(_) => number.to_string(),
    }
}

/// Makers of servers and of management controllers, spelled as in the IANA registry that FreeIPMI
/// 1.6.10 carries; ordered by number.
const NAMES: &[(u32, &str)] = &[
    (2, "IBM"),
    (9, "ciscoSystems"),
    (11, "Hewlett-Packard"),
    (34, "Cray"),
    (42, "Sun Microsystems"),
    (59, "Silicon Graphics, Inc."),
    (94, "Nokia"),
    (107, "Bull Company"),
    (111, "Oracle"),
    (116, "Hitachi, Ltd."),
    (119, "NEC Corporation"),
    (161, "Motorola"),
    (186, "Toshiba Corporation"),
    (189, "Fujitsu America"),
    (193, "Ericsson AB"),
    (211, "Fujitsu Limited"),
    (231, "Fujitsu Technology Solutions GmbH"),
    (311, "Microsoft"),
    (343, "Intel Corporation"),
    (399, "Hitachi Computer Products (America), Inc."),
    (674, "Dell Inc."),
    (1372, "LSI Logic"),
    (2011, "HUAWEI Technology Co.,Ltd"),
    (2606, "Rittal-Werk Rudolf Loh GmbH & Co.KG"),
    (2623, "ASUSTek Computer Inc."),
    (2636, "Juniper Networks, Inc."),
    (3442, "Advantech Inc."),
    (3629, "Atos Origin"),
    (3656, "FORCE Computers GmbH"),
    (3704, "AMD"),
    (3902, "Zhongxing Telecom Co.,ltd. (abbr. ZTE)"),
    (4127, "Mercury Computer Systems, Inc."),
    (4337, "RadiSys Corp."),
    (4413, "Broadcom Corporation"),
    (4769, "IBM Corporation"),
    (5703, "NVIDIA Corporation"),
    (5771, "Cisco Systems, Inc."),
    (6534, "hp"),
    (6569, "INVENTEC CORPORATION"),
    (6653, "Tyan Computer Corporation"),
    (6876, "VMware Inc."),
    (7154, "Intelligent Platform Management Interface forum"),
    (7244, "Quanta Computer Inc."),
    (9188, "Force Computers"),
    (9237, "Newisys"),
    (9342, "Penguin Computing"),
    (10297, "Advantech Co., Ltd."),
    (10368, "Fujitsu Technology Solutions GmbH"),
    (10437, "Peppercon AG"),
    (10876, "Super Micro Computer Inc."),
    (11129, "Google, Inc."),
    (11161, "Wistron Corporation"),
    (11183, "Mitac International Corp."),
    (12244, "Celestica Corporation"),
    (12290, "Celestica International Inc."),
    (13400, "Emerson Network Power Co.,Ltd."),
    (13742, "Raritan Computer, Inc."),
    (14485, "Sanmina-SCI Inc"),
    (15000, "Kontron Canada Inc"),
    (15370, "GIGA-BYTE TECHNOLOGY CO., LTD"),
    (16446, "Adlink"),
    (17084, "HON HAI PRECISION IND. CO., LTD."),
    (19046, "Lenovo Enterprise Business Group"),
    (19621, "alibaba"),
    (20301, "IBM eServer X"),
    (20569, "Inventec Enterprise System Corp."),
    (20885, "Kontron Modular Computers SA"),
    (20974, "American Megatrends, Inc"),
    (22238, "FOXCONN Technology Group"),
    (22816, "Rackable Systems, Inc."),
    (23858, "VadaTech Inc."),
    (24339, "ADLINK TECHNOLOGY INC."),
    (25506, "H3C"),
    (26061, "Artesyn Embedded Technologies"),
    (26696, "Marvell Semiconductor Inc."),
    (27500, "Dawning Ltd."),
    (32022, "Pegatron Computer Inc."),
    (32353, "Baidu"),
    (32535, "ZT Systems"),
    (33024, "Lenovo Chinaweal System & Service Co.,Ltd"),
    (33049, "Mellanox Technologies LTD"),
    (37945, "Inspur(BeiJing) Electronic Information Industry Co.,Ltd"),
    (38791, "Atos IT Solutions and Services AG"),
    (40092, "Wiwynn Corporation"),
    (40820, "OpenIPMI"),
    (40981, "Facebook, Inc."),
    (41475, "Shenzhen Tencent computer system Co., Ltd."),
    (42385, "AIC Inc."),
    (42623, "Open Compute Project"),
    (42817, "IBM Platform Firmware Division"),
    (45065, "Insyde"),
    (46762, "Atos IT Solutions and Services GmbH"),
    (47196, "Hewlett Packard Enterprise"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_names_and_others_are_numbers() {
        assert!(NAMES.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(label(674), "Dell Inc. (674)");
        assert_eq!(label(47196), "Hewlett Packard Enterprise (47196)");
        assert_eq!(label(1_048_575), "1048575");
    }
}
