"""The words for a person: age, family, what was done to her, papers, health. Codes, never a narrative."""

from enum import StrEnum


class AgeBand(StrEnum):
    """CTDC's age bands (domain.md 1.3 C)."""

    UP_TO_8 = "0-8"
    UP_TO_17 = "9-17"
    UP_TO_20 = "18-20"
    UP_TO_23 = "21-23"
    UP_TO_26 = "24-26"
    UP_TO_29 = "27-29"
    UP_TO_38 = "30-38"
    UP_TO_47 = "39-47"
    FROM_48 = "48+"


class Majority(StrEnum):
    """Adult or child; unknown age is treated as a child's (domain.md 2.5)."""

    ADULT = "adult"
    CHILD = "child"
    UNKNOWN_TREATED_AS_CHILD = "unknown_treated_as_child"


class Gender(StrEnum):
    """HTCDS; the trans values are P3 and never part of `identity` or `profile`."""

    FEMININE = "Feminine"
    MASCULINE = "Masculine"
    TRANSGENDER_FEMININE = "TransgenderFeminine"
    TRANSGENDER_MASCULINE = "TransgenderMasculine"
    NON_CONFORMING = "NonConforming"
    NON_SPECIFIED_UNKNOWN = "NonSpecifiedUnknown"


class BirthdatePrecision(StrEnum):
    """How much of a date of birth is known (domain.md 1.3 A)."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    ESTIMATED = "estimated"


class MaritalStatus(StrEnum):
    """HTCDS."""

    SINGLE = "Single"
    MARRIED = "Married"
    WIDOWED = "Widowed"
    DIVORCED = "Divorced"
    SEPARATED = "Separated"
    REGISTERED_PARTNERSHIP = "RegisteredPartnership"


class Accompanied(StrEnum):
    """With whom the person is (domain.md 1.3 C)."""

    ALONE = "alone"
    WITH_FAMILY = "with_family"
    WITH_DEPENDANTS = "with_dependants"
    SEPARATED = "separated"
    UNACCOMPANIED = "unaccompanied"


class CommunicationAid(StrEnum):
    """What helps the person to understand and be understood; proposed."""

    NONE = "none"
    SIGN_LANGUAGE = "sign_language"
    EASY_LANGUAGE = "easy_language"
    PICTURES = "pictures"
    LARGE_PRINT = "large_print"
    BRAILLE = "braille"
    HEARING_AID = "hearing_aid"
    OTHER = "other"


class Relation(StrEnum):
    """Family by dependency, not the nuclear family only (domain.md 1.7, X-14)."""

    SPOUSE = "spouse"
    PARTNER = "partner"
    CHILD = "child"
    PARENT = "parent"
    SIBLING = "sibling"
    GRANDPARENT = "grandparent"
    AUNT_UNCLE = "aunt_uncle"
    NIECE_NEPHEW = "niece_nephew"
    OTHER_DEPENDENT = "other_dependent"


class FamilyMayBeTold(StrEnum):
    """Whom of the family one may tell (domain.md 1.5, step 3)."""

    ALL = "all"
    NAMED_PERSONS = "named_persons"
    NONE = "none"


class ContactChannel(StrEnum):
    """How the person is reached; proposed."""

    PHONE = "phone"
    SMS = "sms"
    MESSENGER = "messenger"
    EMAIL = "email"
    POST = "post"
    IN_PERSON = "in_person"
    THROUGH_AGENCY = "through_agency"


class TraffickingStatus(StrEnum):
    """HTCDS."""

    POSSIBLE_VICTIM_OF_TRAFFICKING = "PossibleVictimOfTrafficking"
    ACTUAL_VICTIM_OF_TRAFFICKING = "ActualVictimOfTrafficking"
    NOT_A_VICTIM_OF_TRAFFICKING = "NotAVictimOfTrafficking"


class StatusDecidedBy(StrEnum):
    """HTCDS: who decided the status."""

    POLICE = "Police"
    NGO = "NGO"
    COURT_OR_PROSECUTION = "CourtOrProsecution"
    NON_POLICE_GOVERNMENTAL_ORGANIZATION = "NonPoliceGovernmentalOrganization"
    OTHER = "Other"


class TypeOfExploitation(StrEnum):
    """HTCDS, with forced criminality as UK and CTDC have it (domain.md 1.3 D)."""

    FORCED_LABOUR = "ForcedLabour"
    SEXUAL_EXPLOITATION = "SexualExploitation"
    CHILD_LABOUR = "ChildLabour"
    FORCED_MARRIAGE = "ForcedMarriage"
    SERVITUDE = "Servitude"
    FORCED_MILITARY_BY_NON_STATE_ACTORS = "ForcedMilitaryByNonStateActors"
    ORGAN_REMOVAL = "OrganRemoval"
    FORCED_BEGGING = "ForcedBegging"
    FORCED_ADOPTION = "ForcedAdoption"
    SURROGACY = "Surrogacy"
    FORCED_CRIMINALITY = "ForcedCriminality"
    OTHER = "Other"


class TypeOfSexExploitation(StrEnum):
    """HTCDS."""

    PROSTITUTION = "Prostitution"
    PORNOGRAPHY = "Pornography"
    REMOTE_INTERACTIVE_SERVICES = "RemoteInteractiveServices"
    PRIVATE_SEXUAL_SERVICES = "PrivateSexualServices"


class LabourIndustry(StrEnum):
    """HTCDS codes of the sections of ISIC Rev. 4."""

    A_AGRICULTURE_FORESTRY_AND_FISHING = "A_AgricultureForestryAndFishing"
    B_MINING_AND_QUARRYING = "B_MiningAndQuarrying"
    C_MANUFACTURING = "C_Manufacturing"
    D_ELECTRICITY_GAS_STEAM_AND_AIR_CONDITIONING_SUPPLY = "D_ElectricityGasSteamAndAirConditioningSupply"
    E_WATER_SUPPLY_SEWERAGE_WASTE_MANAGEMENT = "E_WaterSupplySewerageWasteManagement"
    F_CONSTRUCTION = "F_Construction"
    G_WHOLESALE_AND_RETAIL_TRADE_REPAIR_OF_MOTOR_VEHICLES = "G_WholesaleAndRetailTradeRepairOfMotorVehicles"
    H_TRANSPORTATION_AND_STORAGE = "H_TransportationAndStorage"
    I_ACCOMMODATION_AND_FOOD_SERVICE_ACTIVITIES = "I_AccommodationAndFoodServiceActivities"
    J_INFORMATION_AND_COMMUNICATION = "J_InformationAndCommunication"
    K_FINANCIAL_AND_INSURANCE_ACTIVITIES = "K_FinancialAndInsuranceActivities"
    L_REAL_ESTATE_ACTIVITIES = "L_RealEstateActivities"
    M_PROFESSIONAL_SCIENTIFIC_AND_TECHNICAL_ACTIVITIES = "M_ProfessionalScientificAndTechnicalActivities"
    N_ADMINISTRATIVE_AND_SUPPORT_SERVICE_ACTIVITIES = "N_AdministrativeAndSupportServiceActivities"
    O_PUBLIC_ADMINISTRATION_AND_DEFENCE = "O_PublicAdministrationAndDefence"
    P_EDUCATION = "P_Education"
    Q_HUMAN_HEALTH_AND_SOCIAL_WORK_ACTIVITIES = "Q_HumanHealthAndSocialWorkActivities"
    R_ARTS_ENTERTAINMENT_AND_RECREATION = "R_ArtsEntertainmentAndRecreation"
    S_OTHER_SERVICE_ACTIVITIES = "S_OtherServiceActivities"
    T_ACTIVITIES_OF_HOUSEHOLDS_AS_EMPLOYERS = "T_ActivitiesOfHouseholdsAsEmployers"
    U_ACTIVITIES_OF_EXTRATERRITORIAL_ORGANIZATIONS = "U_ActivitiesOfExtraterritorialOrganizations"


class MethodOfControl(StrEnum):
    """HTCDS definitions, which are CTDC's columns (domain.md 1.3 D)."""

    DEBT_BONDAGE = "DebtBondage"
    TAKES_EARNINGS = "TakesEarnings"
    RESTRICTS_FINANCIAL_ACCESS = "RestrictsFinancialAccess"
    THREATS = "Threats"
    PSYCHOLOGICAL_ABUSE = "PsychologicalAbuse"
    PHYSICAL_ABUSE = "PhysicalAbuse"
    SEXUAL_ABUSE = "SexualAbuse"
    FALSE_PROMISES = "FalsePromises"
    PSYCHOACTIVE_SUBSTANCES = "PsychoactiveSubstances"
    RESTRICTS_MOVEMENT = "RestrictsMovement"
    RESTRICTS_MEDICAL_CARE = "RestrictsMedicalCare"
    EXCESSIVE_WORKING_HOURS = "ExcessiveWorkingHours"
    USES_CHILDREN = "UsesChildren"
    THREAT_OF_LAW_ENFORCEMENT = "ThreatOfLawEnforcement"
    WITHHOLDS_NECESSITIES = "WithholdsNecessities"
    WITHHOLDS_DOCUMENTS = "WithholdsDocuments"
    OTHER = "Other"
    NOT_SPECIFIED = "NotSpecified"


class RecruitmentMethod(StrEnum):
    """HTCDS."""

    AT_A_PLACE_OF_BUSINESS = "AtAPlaceOfBusiness"
    AT_AN_EDUCATIONAL_INSTITUTION = "AtAnEducationalInstitution"
    AT_WORK = "AtWork"
    THROUGH_ONLINE_SOCIAL_NETWORKS = "ThroughOnlineSocialNetworks"
    THROUGH_AN_ONLINE_ADVERTISEMENT = "ThroughAnOnlineAdvertisement"
    THROUGH_A_TELEVISION_ADVERT = "ThroughATelevisionAdvert"
    THROUGH_A_NEWSPAPER_ADVERT = "ThroughANewspaperAdvert"
    THROUGH_FAMILY_OR_FAMILY_EVENTS = "ThroughFamilyOrFamilyEvents"
    THROUGH_FRIENDS_OR_SOCIAL_EVENTS = "ThroughFriendsOrSocialEvents"
    OTHER = "Other"


class RelationshipToTrafficker(StrEnum):
    """HTCDS, its spelling kept."""

    FAMILIAL = "Familial"
    ACQUAINTED = "Acquainted"
    UNAQUAINTED = "Unaquainted"


class RecruiterRelation(StrEnum):
    """CTDC `recruiterRelation`."""

    INTIMATE_PARTNER = "IntimatePartner"
    FRIEND = "Friend"
    FAMILY = "Family"
    OTHER = "Other"
    UNKNOWN = "Unknown"


class TraffickingEventType(StrEnum):
    """HTCDS: one stretch of what happened."""

    RECRUITMENT = "Recruitment"
    TRANSIT = "Transit"
    EXPLOITATION = "Exploitation"


class LastContactWithExploiter(StrEnum):
    """UK form: when the exploiter was last in touch (domain.md 1.3 D)."""

    WITHIN_THE_LAST_WEEK = "within-the-last-week"
    WITHIN_THE_LAST_MONTH = "within-the-last-month"
    WITHIN_THE_LAST_3_MONTH = "within-the-last-3-month"
    WITHIN_THE_LAST_6_MONTH = "within-the-last-6-month"
    WITHIN_THE_LAST_6_12_MONTH = "within-the-last-6-12-month"
    OVER_A_YEAR_AGO = "over-a-year-ago"
    NOT_SURE = "not-sure"


class EducationLevel(StrEnum):
    """HTCDS codes of the levels of ISCED 2011."""

    EARLY_CHILDHOOD_EDUCATION = "EarlyChildhoodEducation"
    PRIMARY_EDUCATION = "PrimaryEducation"
    LOWER_SECONDARY_EDUCATION = "LowerSecondaryEducation"
    UPPER_SECONDARY_EDUCATION = "UpperSecondaryEducation"
    POST_SECONDARY_NON_TERTIARY_EDUCATION = "PostSecondaryNonTertiaryEducation"
    SHORT_CYCLE_TERTIARY_EDUCATION = "ShortCycleTertiaryEducation"
    BACHELORS_OR_EQUIVALENT_LEVEL = "BachelorsOrEquivalentLevel"
    MASTERS_OR_EQUIVALENT_LEVEL = "MastersOrEquivalentLevel"
    DOCTORAL_OR_EQUIVALENT_LEVEL = "DoctoralOrEquivalentLevel"


class DocumentType(StrEnum):
    """Papers a person may hold or carry; proposed."""

    PASSPORT = "passport"
    IDENTITY_CARD = "identity_card"
    EMERGENCY_TRAVEL_DOCUMENT = "emergency_travel_document"
    BIRTH_CERTIFICATE = "birth_certificate"
    RESIDENCE_PERMIT = "residence_permit"
    VISA = "visa"
    MEDICAL_RECORD = "medical_record"
    OTHER = "other"


class DocumentHolder(StrEnum):
    """Who has the document, because documents are withheld (domain.md 1.3 A); values proposed."""

    PERSON = "person"
    AGENCY = "agency"
    AUTHORITY = "authority"
    CONSULATE = "consulate"
    FAMILY = "family"
    TRAFFICKER = "trafficker"
    LOST = "lost"
    UNKNOWN = "unknown"


class DocumentsStatus(StrEnum):
    """Whether the person can travel on her papers (domain.md 1.5, step 3)."""

    HELD = "held"
    MISSING = "missing"
    IN_PROCESS = "in_process"


class ImmigrationStatus(StrEnum):
    """Status in the country of destination; asylum has no value here (section `hold_ground`); proposed."""

    CITIZEN = "citizen"
    REGULAR = "regular"
    REFLECTION_PERIOD = "reflection_period"
    IRREGULAR = "irregular"
    UNKNOWN = "unknown"


class FitToTravel(StrEnum):
    """Fitness without a diagnosis (domain.md 1.3 F)."""

    YES = "yes"
    WITH_ESCORT = "with_escort"
    NO = "no"
    UNKNOWN = "unknown"


class Mobility(StrEnum):
    """How the person moves; proposed."""

    INDEPENDENT = "independent"
    NEEDS_HELP = "needs_help"
    WHEELCHAIR = "wheelchair"
    STRETCHER = "stretcher"
