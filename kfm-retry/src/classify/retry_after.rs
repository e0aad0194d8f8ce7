//! The moment at which a service asks to be called again: the `Retry-After` header of RFC 9110, section
//! 10.2.3.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The moment at which a service asks to be called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this time, counted from the answer.
    Delay(Duration),
    /// At this date, by the civil clock.
    Date(SystemTime),
}

impl RetryAfter {
    /// Reads the value of a `Retry-After` header: whole seconds, or a date in one of the three forms of RFC
    /// 9110, section 5.6.7. Returns `None` for anything else: a value that cannot be read gives no hint.
    ///
    /// ```
    /// use kfm_retry::RetryAfter;
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// assert_eq!(RetryAfter::parse("120"), Some(RetryAfter::Delay(Duration::from_secs(120))));
    /// let date = Some(RetryAfter::Date(UNIX_EPOCH + Duration::from_secs(784_111_777)));
    /// assert_eq!(RetryAfter::parse("Sun, 06 Nov 1994 08:49:37 GMT"), date);
    /// assert_eq!(RetryAfter::parse("Sunday, 06-Nov-94 08:49:37 GMT"), date);
    /// assert_eq!(RetryAfter::parse("Sun Nov  6 08:49:37 1994"), date);
    /// assert_eq!(RetryAfter::parse("soon"), None);
    /// ```
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t']);
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            // A number with more digits than fit is still a number: it means the longest wait.
            return Some(Self::Delay(Duration::from_secs(value.parse().unwrap_or(u64::MAX))));
        }
        parse_date(value).map(Self::Date)
    }

    /// Returns how long that is from `now`; zero if the date is in the past.
    pub fn from_now(self, now: SystemTime) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::Date(date) => date.duration_since(now).unwrap_or(Duration::ZERO),
        }
    }
}

fn parse_date(value: &str) -> Option<SystemTime> {
    let fields: Vec<&str> = value.split([' ', '-']).filter(|field| !field.is_empty()).collect();
    let (day, month, year, time) = match *fields.as_slice() {
        // IMF-fixdate, and the obsolete form of RFC 850 with its two-digit year.
        [weekday, day, month, year, time, "GMT"] if weekday.ends_with(',') => (day, month, year, time),
        // The obsolete form of C's asctime().
        [_weekday, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let year = match (number(year)?, year.len()) {
        (year, 4) => year,
        // RFC 9110 puts two-digit years into the near past or future: here from 1970 to 2069.
        (year, 2) if year < 70 => year + 2000,
        (year, 2) => year + 1900,
        _ => return None,
    };
    let month = 1 + ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        .iter()
        .position(|name| *name == month)? as u64;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let mut clock = time.split(':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Second 60 is valid: a leap second.
    if clock.next().is_some() || hour > 23 || minute > 59 || second > 60 || year < 1970 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn number(digits: &str) -> Option<u64> {
    (!digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms": the year starts in March, so that the leap day is its last).
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}
