//! Word lists, in order, so that they can be searched.

/// Given names that a recogniser is told to listen for, and that are taken for a name without any lead-in.
#[rustfmt::skip]
pub(crate) const GIVEN: &[&str] = &[
    "aaron", "abby", "abigail", "adam", "adrian", "agnes", "alan", "albert", "alex", "alexander", "alexandra",
    "alfred", "alice", "alison", "amanda", "amber", "amy", "andrea", "andrew", "andy", "angela", "anita", "ann",
    "anna", "anne", "anthony", "arthur", "audrey", "barbara", "barry", "beatrice", "ben", "benjamin", "beth", "betty",
    "bill", "bob", "brandon", "brenda", "brian", "bruce", "carl", "carla", "carol", "caroline", "catherine",
    "charles", "charlie", "charlotte", "chloe", "chris", "christine", "christopher", "claire", "clara", "colin",
    "craig", "cynthia", "daisy", "dan", "daniel", "david", "dawn", "dean", "deborah", "dennis", "derek", "diana",
    "diane", "donald", "donna", "dora", "doris", "dorothy", "douglas", "duncan", "dylan", "edith", "edward", "eileen",
    "elaine", "eleanor", "elizabeth", "ella", "ellen", "emily", "emma", "eric", "ethan", "eva", "evelyn", "felix",
    "fiona", "florence", "frances", "frank", "fred", "gary", "george", "gerald", "gloria", "gordon", "grace",
    "graham", "grant", "greg", "hannah", "harold", "harriet", "harry", "hazel", "heather", "helen", "henry", "holly",
    "howard", "hugh", "ian", "irene", "iris", "isaac", "isabel", "ivan", "ivy", "jack", "jacob", "james", "jane",
    "janet", "jason", "jay", "jean", "jeff", "jennifer", "jenny", "jeremy", "jerry", "jessica", "jill", "jim", "joan",
    "joanna", "joe", "john", "jonathan", "joseph", "josh", "joyce", "judith", "judy", "julia", "julian", "julie",
    "june", "justin", "karen", "kate", "katherine", "kathleen", "kay", "keith", "kelly", "ken", "kenneth", "kevin",
    "kim", "kyle", "larry", "laura", "lauren", "lee", "leo", "leon", "leonard", "lewis", "liam", "lily", "linda",
    "lisa", "logan", "louis", "louise", "lucy", "luke", "lydia", "lynn", "margaret", "maria", "marie", "mark",
    "martha", "martin", "mary", "matthew", "max", "maya", "megan", "melissa", "michael", "michelle", "mike", "molly",
    "monica", "nancy", "naomi", "natalie", "nathan", "neil", "nicholas", "nick", "nicole", "nina", "nora", "norman",
    "oliver", "olivia", "oscar", "owen", "pamela", "patricia", "patrick", "paul", "paula", "pauline", "peter",
    "philip", "phoebe", "rachel", "ralph", "ray", "raymond", "rebecca", "richard", "rita", "robert", "robin", "roger",
    "ronald", "rosa", "rose", "rosie", "ross", "roy", "ruby", "russell", "ruth", "ryan", "sally", "sam", "samantha",
    "samuel", "sandra", "sara", "sarah", "scott", "sean", "sharon", "sheila", "shirley", "simon", "sophia", "sophie",
    "stella", "stephanie", "stephen", "steve", "stewart", "stuart", "sue", "susan", "suzanne", "sylvia", "teresa",
    "terry", "theo", "theresa", "thomas", "tim", "timothy", "tina", "toby", "tom", "tony", "tracy", "valerie", "vera",
    "veronica", "victor", "victoria", "vincent", "violet", "virginia", "walter", "wayne", "wendy", "william", "zoe",
];

/// Words that are no part of a name, in order.
#[rustfmt::skip]
pub(super) const NO_NAME: &[&str] = &[
    "a", "about", "actually", "afraid", "after", "afternoon", "again", "ahead", "all", "am", "an", "and", "any",
    "appointment", "are", "as", "at", "be", "bit", "book", "booking", "but", "by", "bye", "call", "called", "calling",
    "can", "cancel", "change", "checkup", "cheers", "correct", "could", "date", "day", "did", "different", "do",
    "does", "don", "down", "eight", "eleven", "else", "er", "erm", "everything", "fine", "first", "five", "for",
    "four", "free", "friday", "from", "get", "go", "going", "good", "goodbye", "got", "great", "half", "have",
    "hello", "here", "hi", "hoping", "how", "i", "if", "in", "is", "it", "just", "know", "last", "later", "like",
    "looking", "lovely", "make", "me", "mean", "meant", "mistake", "monday", "more", "morning", "move", "my", "name",
    "need", "next", "nine", "no", "noon", "not", "nothing", "now", "o'clock", "of", "off", "oh", "okay", "on", "one",
    "or", "out", "past", "perfect", "person", "please", "pm", "put", "quarter", "really", "right", "ring", "ringing",
    "said", "saturday", "say", "seven", "six", "slot", "so", "some", "someone", "something", "sorry", "sounds",
    "speaking", "spelled", "sunday", "sure", "surname", "ten", "than", "thank", "thanks", "that", "that's", "the",
    "there", "thing", "think", "this", "three", "thursday", "time", "to", "today", "tomorrow", "trying", "tuesday",
    "twelve", "two", "uh", "um", "under", "up", "us", "visit", "wait", "want", "was", "way", "we", "wednesday",
    "week", "well", "what", "when", "where", "who", "whole", "why", "will", "with", "wondering", "would", "wrong",
    "yeah", "yes", "you", "your",
];
