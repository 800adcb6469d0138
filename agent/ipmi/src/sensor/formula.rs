//! The reading formula (section 36.3): y = L[(M·x + B·10^K1)·10^K2].

/// The factors of a sensor, or of one of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// Ten bits, signed.
    pub m: i16,
    /// Ten bits, signed.
    pub b: i16,
    /// Exponent of B, four bits, signed.
    pub k1: i8,
    /// Exponent of the result, four bits, signed.
    pub k2: i8,
    /// Tolerance in half raw counts, six bits.
    pub tolerance: u8,
}

impl Factors {
    /// Six bytes as in a full record (25 to 30) and in Get Sensor Reading Factors (2 to 7). Missing
    /// bytes count as zero; the callers take exactly six.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let byte = |n: usize| bytes.get(n).copied().unwrap_or_default();
        let ten = |low: u8, high: u8| signed(u16::from(high & 0xC0) << 2 | u16::from(low), 10);
        Factors {
            m: ten(byte(0), byte(1)),
            tolerance: byte(1) & 0x3F,
            b: ten(byte(2), byte(3)),
            k1: i8::try_from(signed(u16::from(byte(5) & 0x0F), 4)).unwrap_or_default(),
            k2: i8::try_from(signed(u16::from(byte(5) >> 4), 4)).unwrap_or_default(),
        }
    }
}

/// The lowest `bits` of `value` as two's complement.
fn signed(value: u16, bits: u32) -> i16 {
    let shift = 16 - bits;
    (value << shift).cast_signed() >> shift
}

/// How a raw byte is a number (section 43.1, byte 21, bits 7:6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the specification")]
pub enum Format {
    Unsigned,
    OnesComplement,
    TwosComplement,
}

impl Format {
    /// From units 1; `None` when the sensor returns no analog value.
    #[must_use]
    pub const fn of(units1: u8) -> Option<Self> {
        match units1 >> 6 {
            0 => Some(Format::Unsigned),
            1 => Some(Format::OnesComplement),
            2 => Some(Format::TwosComplement),
            _ => None,
        }
    }

    /// The raw byte as a number.
    #[must_use]
    pub fn number(self, raw: u8) -> f64 {
        match self {
            Format::Unsigned => f64::from(raw),
            Format::TwosComplement => f64::from(raw.cast_signed()),
            Format::OnesComplement if raw >= 0x80 => -f64::from(!raw),
            Format::OnesComplement => f64::from(raw),
        }
    }
}

/// The value of a raw byte, or `None` where the formula has none: 1/0, the logarithm of nothing,
/// an overflow, or a linearization that is not in the table.
#[must_use]
pub fn value(raw: u8, format: Format, factors: &Factors, linearization: u8) -> Option<f64> {
    let Factors { m, b, k1, k2, .. } = *factors;
    let offset = scale(f64::from(b), k1);
    let linear = scale(f64::from(m) * format.number(raw) + offset, k2);
    // Plus zero: a zero of one's complement or of a negative M has no sign.
    linearize(linear, linearization).filter(|value| value.is_finite()).map(|value| value + 0.0)
}

/// `x · 10^exponent`, dividing for negative exponents: 1/1000 is nearer to 0.001 than 10^-3 is.
fn scale(x: f64, exponent: i8) -> f64 {
    let power = 10f64.powi(i32::from(exponent).abs());
    if exponent < 0 { x / power } else { x * power }
}

fn linearize(x: f64, linearization: u8) -> Option<f64> {
    Some(match linearization {
        // Non-linear sensors give factors that are linear around the reading (section 36.2).
        0x00 | 0x70..=0x7F => x,
        0x01 => x.ln(),
        0x02 => x.log10(),
        0x03 => x.log2(),
        0x04 => x.exp(),
        0x05 => 10f64.powf(x),
        0x06 => x.exp2(),
        0x07 => 1.0 / x,
        0x08 => x * x,
        0x09 => x * x * x,
        0x0A => x.sqrt(),
        0x0B => x.cbrt(),
        _ => return None,
    })
}

/// Whether the value never falls while the raw byte, as the number it stands for, grows. `false` for a
/// negative M, for 1/x, and for a square over both signs: there the BMC's "at or above" is no "at or
/// above" of the value.
#[must_use]
pub fn rising(format: Format, factors: &Factors, linearization: u8) -> bool {
    let mut scale: Vec<_> = (0..=u8::MAX)
        .filter_map(|raw| Some((format.number(raw), value(raw, format, factors, linearization)?)))
        .collect();
    scale.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    scale.is_sorted_by(|(_, below), (_, above)| below <= above)
}

/// The distance to the nearest neighbouring raw value: one raw step around a reading.
#[must_use]
pub fn step(raw: u8, format: Format, factors: &Factors, linearization: u8) -> Option<f64> {
    let here = value(raw, format, factors, linearization)?;
    let near = |raw: Option<u8>| {
        let other = value(raw?, format, factors, linearization)?;
        Some((other - here).abs()).filter(|step| *step > 0.0)
    };
    match (near(raw.checked_sub(1)), near(raw.checked_add(1))) {
        (Some(below), Some(above)) => Some(below.max(above)),
        (below, above) => below.or(above),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_signed() {
        let factors = Factors::parse(&[0xFF, 0xC5, 0x00, 0x80, 0x00, 0x9F]);
        assert_eq!(factors, Factors { m: -1, b: -512, k1: -1, k2: -7, tolerance: 5 });
        let factors = Factors::parse(&[0xFF, 0x40, 0xFF, 0x7F, 0x00, 0x71]);
        assert_eq!(factors, Factors { m: 511, b: 511, k1: 1, k2: 7, tolerance: 0 });
    }

    #[test]
    fn formats() {
        for (raw, unsigned, ones, twos) in [
            (0x00, 0.0, 0.0, 0.0),
            (0x7F, 127.0, 127.0, 127.0),
            (0x80, 128.0, -127.0, -128.0),
            (0xFF, 255.0, 0.0, -1.0),
        ] {
            assert_eq!(Format::Unsigned.number(raw), unsigned);
            assert_eq!(Format::OnesComplement.number(raw), ones);
            assert_eq!(Format::TwosComplement.number(raw), twos);
        }
        assert_eq!(Format::of(0xC0), None);
    }

    #[test]
    fn the_formula_by_hand() {
        // 3.3 V rail of many boards: M 161, K2 -4 (raw 205 = 3.3005 V).
        let factors = Factors { m: 161, b: 0, k1: 0, k2: -4, tolerance: 0 };
        assert!((value(205, Format::Unsigned, &factors, 0).unwrap() - 3.3005).abs() < 1e-12);
        // B with its own exponent: (2·10 + (-3)·10^1)·10^-1 = -1.
        let factors = Factors { m: 2, b: -3, k1: 1, k2: -1, tolerance: 0 };
        assert_eq!(value(10, Format::Unsigned, &factors, 0), Some(-1.0));
        let one = Factors { m: 1, b: 0, k1: 0, k2: 0, tolerance: 0 };
        for (linearization, wanted) in [
            (0, 8.0),
            (2, 8f64.log10()),
            (3, 3.0),
            (5, 1e8),
            (6, 256.0),
            (7, 0.125),
            (8, 64.0),
            (9, 512.0),
            (0x0B, 2.0),
        ] {
            assert_eq!(
                value(8, Format::Unsigned, &one, linearization),
                Some(wanted),
                "{linearization}"
            );
        }
        assert_eq!(value(0, Format::Unsigned, &one, 7), None);
        assert_eq!(value(0, Format::Unsigned, &one, 1), None);
        assert_eq!(value(1, Format::Unsigned, &one, 0x0C), None);
    }

    #[test]
    fn a_scale_rises_or_does_not() {
        let factors = |m, b| Factors { m, b, k1: 0, k2: 0, tolerance: 0 };
        for (format, factors, linearization, rises) in [
            (Format::Unsigned, factors(1, 0), 0x00, true),
            (Format::TwosComplement, factors(3, -7), 0x00, true),
            (Format::OnesComplement, factors(3, -7), 0x00, true),
            (Format::Unsigned, factors(-1, 255), 0x00, false),
            (Format::Unsigned, factors(0, 5), 0x00, true),
            (Format::Unsigned, factors(1, 0), 0x02, true),
            (Format::Unsigned, factors(1, 0), 0x07, false),
            (Format::Unsigned, factors(-1, 300), 0x07, true),
            (Format::Unsigned, factors(1, 0), 0x08, true),
            (Format::TwosComplement, factors(1, 0), 0x08, false),
            (Format::TwosComplement, factors(1, 0), 0x09, true),
        ] {
            assert_eq!(
                rising(format, &factors, linearization),
                rises,
                "{format:?} {factors:?} {linearization:02x}h"
            );
        }
    }
}
