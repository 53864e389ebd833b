/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/tunnel-options and ipsec/proposal: every name in every manual
 * is either translated or refused, and no value is passed on as it came. */

#include <config.h>

#include "tunnel-options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "smap.h"

#include "unit.h"

/* Returns what the 'NAME=VALUE's in 'text', separated by blanks and each with
 * "ipsec_" before it, come to: the settings as they are shown, each with a
 * semicolon, or the error. */
static char *
parse(const char *text)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct tunnel_options *options;
    char *copy = xstrdup(text);
    char *save = NULL;
    char *error;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        *value++ = '\0';
        smap_add_nocopy(&smap, xasprintf("ipsec_%s", word), xstrdup(value));
    }
    error = tunnel_options_parse(&smap, &options);
    CHECK(!error || !options);
    if (!error) {
        ds_put_cstr(&ds, "");
        tunnel_options_format(options, &ds);
        error = ds_steal_cstr(&ds);
        for (char *p = error; *p; p++) {
            *p = *p == '\n' ? ';' : *p;
        }
    }
    tunnel_options_unref(options);
    smap_destroy(&smap);
    free(copy);
    return error;
}

static void
check(const char *text, const char *expected)
{
    char *got = parse(text);

    CHECK_STRING(got, expected);
    free(got);
}

static void
check_part(const char *text, const char *part)
{
    char *got = parse(text);

    CHECK(strstr(got, part) != NULL);
    if (!strstr(got, part)) {
        fprintf(stderr, "  %s: got: %s\n  expected: %s\n", text, got, part);
    }
    free(got);
}

/* The same algorithms in three languages. */
static void
test_proposals(void)
{
    check("proposals=aes256gcm16-prfsha384-ecp384",
          "  ike proposals: aes256gcm16-prfsha384-ecp384;");
    check("ike=aes256gcm16-sha256-modp3072!",
          "  ike proposals: aes256gcm16-prfsha256-modp3072;");
    check("ike=aes_gcm256-sha2_256;dh19",
          "  ike proposals: aes256gcm16-prfsha256-ecp256;");
    check("ike=AES256-SHA2;DH14,aes128-sha1-modp2048",
          "  ike proposals: aes256-sha256-modp2048,aes128-sha1-modp2048;");
    check("ike=aes_gcm256+chacha20_poly1305-sha2_512+sha2_256-dh14+dh31",
          "  ike proposals: aes256gcm16-chacha20poly1305-"
          "prfsha512-prfsha256-modp2048-x25519;");
    /* What pluto fills in. */
    check("ike=aes_gcm256",
          "  ike proposals: aes256gcm16-prfsha256-prfsha384-prfsha512-"
          "modp2048-ecp384-ecp256-x25519;");

    check("esp_proposals=aes256gcm16",
          "  esp esp_proposals: aes256gcm16-esn-noesn;");
    check("esp=aes128-sha256-ecp256-esn",
          "  esp esp_proposals: aes128-sha256-ecp256-esn;");
    check("phase2alg=aes_gcm256",
          "  esp esp_proposals: aes256gcm16-esn-noesn;");
    /* An integrity algorithm too many is left out. */
    check("esp=aes256gcm16-sha256-noesn",
          "  esp esp_proposals: aes256gcm16-noesn;");
    /* What is the default said aloud is the default. */
    check("esp=aes256gcm16-modp2048,aes256gcm16-ecp384-ecp256-x25519,"
          "aes256gcm16", "");
}

static void
test_bad_proposals(void)
{
    static const char *const bad[] = {
        "null", "null-sha256", "aes256gcm16,null-sha256", "none", "default",
        "3des-sha1", "des-sha1", "aes256-md5", "aes256", "sha256", "aes",
        "aes256gmac", "aes256gcm8", "aes256-null", "aes256gcm16-modp1024",
        "aes256gcm16-modp1536", "aes256gcm16-dh2", "aes256gcm16-dh5", "", ",",
        "-", "aes256gcm16,", "aes256gcm16--esn", "aes256-aes256gcm16-sha256",
        "%any", "aes256gcm16!!", "aes256gcm16\n", "aes256gcm16}", "\"", "*",
        "aes256gcm16 # x", "aes256\xc3\xa4", "aes256gcm16,,aes256gcm16",
        "esn", "aes256gcm16-prfnull", "modp2048-esn",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *esp = xasprintf("esp=%s", bad[i]);
        char *ike = xasprintf("ike=%s", bad[i]);

        if (!strchr(bad[i], ' ')) {
            check_part(esp, "options:ipsec_esp=");
            check_part(ike, "options:ipsec_ike=");
        }
        free(esp);
        free(ike);
    }
    check("esp=aes256gcm16-prfsha256",
          "options:ipsec_esp=\"aes256gcm16-prfsha256\" has prfsha256 in it, "
          "which is for IKE");
    check("ike=aes256gcm16-esn", "options:ipsec_ike=\"aes256gcm16-esn\" has "
          "esn in it, which is for ESP");
    check("esp=3des-sha1", "options:ipsec_esp=\"3des-sha1\" has \"3des\" in "
          "it, which is not one of the algorithms that are strong enough");

    /* As many as a packet can carry, and no more. */
    struct ds ds = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&ds, "esp=");
    for (int i = 0; i < 17; i++) {
        ds_put_format(&ds, "%saes256gcm16", i ? "," : "");
    }
    check_part(ds_cstr(&ds), "has more than 16 proposals");
    ds_clear(&ds);
    ds_put_cstr(&ds, "esp=");
    ds_put_char_multiple(&ds, 'a', 65536);
    check_part(ds_cstr(&ds), "is longer than 1024 bytes");
    ds_destroy(&ds);
}

static void
test_values(void)
{
    check("dpddelay=30s dpdtimeout=150s dpdaction=restart",
          "  ike dpd_delay: 30;");
    check("dpd_delay=0", "  ike dpd_delay: 0;");
    check("dpd_delay=10s", "");
    check("forceencaps=yes", "  ike encap: yes;");
    check("encapsulation=auto", "");
    check("encap=yes", "  ike encap: yes;");
    check("fragmentation=accept", "  ike fragmentation: accept;");
    check("ike_frag=never", "  ike fragmentation: no;");
    check("fragmentation=insist", "");
    check("replay-window=1024", "  esp replay_window: 1024;");
    check("replay_window=128", "");

    check("replay_window=0", "options:ipsec_replay_window=\"0\" is not a "
          "number from 32 to 4096");
    check("encap=maybe", "options:ipsec_encap=\"maybe\" is not one of yes, "
          "no, auto");
    check("dpd_delay=25h", "options:ipsec_dpd_delay=\"25h\" is not a time "
          "from 0 s to 1 d");
    check("dpdaction=clear", "options:ipsec_dpdaction=\"clear\" is not one of "
          "trap, start, hold, restart");
    check("encap=yes forceencaps=yes", "options:ipsec_encap and "
          "options:ipsec_forceencaps set the same: keep one");
}

/* Units and margins: swanctl.conf says when to rekey, ipsec.conf when it
 * ends. */
static void
test_lifetimes(void)
{
    check("rekey_time=30m", "  esp rekey_time: 1800;");
    check("rekey_time=30m life_time=40m rand_time=1m",
          "  esp rekey_time: 1800;  esp life_time: 2400;"
          "  esp rand_time: 60;");
    check("ike_rekey_time=2h over_time=10m ike_rand_time=5m",
          "  ike rekey_time: 7200;  ike over_time: 600;"
          "  ike rand_time: 300;");
    check("over_time=10m", "  ike over_time: 600;");
    check("lifetime=1h rekeymargin=5m",
          "  ike rekey_time: 15540;  ike over_time: 300;"
          "  ike rand_time: 300;"
          "  esp rekey_time: 3300;  esp life_time: 3600;"
          "  esp rand_time: 300;");
    check("salifetime=8h", "  esp rekey_time: 28260;  esp life_time: 28800;"
          "  esp rand_time: 540;");
    check("keylife=600", "  esp rekey_time: 540;  esp life_time: 600;"
          "  esp rand_time: 60;");
    check("ikelifetime=1d margintime=10m rekeyfuzz=50% rekey_time=1h",
          "  ike rekey_time: 85800;  ike over_time: 600;"
          "  ike rand_time: 300;");
    check("lifepackets=1000000 marginpackets=1000 rekeyfuzz=0%",
          "  ike rekey_time: 15300;  ike over_time: 540;"
          "  ike rand_time: 0;  esp rekey_time: 3564;"
          "  esp life_time: 3960;  esp rand_time: 0;"
          "  esp rekey_packets: 999000;  esp life_packets: 1000000;"
          "  esp rand_packets: 0;");
    check("rekey_bytes=1g", "  esp rekey_bytes: 1073741824;");
    check("ipsec-max-bytes=10Gi",
          "  esp rekey_bytes: 9663676416;  esp life_bytes: 10737418240;"
          "  esp rand_bytes: 1073741824;");

    check("rekey_time=1h life_time=1h", "options:ipsec_rekey_time, "
          "options:ipsec_life_time: the SA would end before it is replaced");
    check("rand_time=1h", "options:ipsec_rand_time: the SA would be replaced "
          "as soon as it is there");
    check("lifetime=10m margintime=10m", "options:ipsec_lifetime, "
          "options:ipsec_margintime: the SA would be replaced as soon as it "
          "is there");
    check_part("lifetime=10m margintime=6m rekeyfuzz=200%",
               "as soon as it is there");
    check("marginbytes=1000", "options:ipsec_marginbytes: there is no limit "
          "that it could be before");
    check_part("ikelifetime=1h over_time=1m", "keep one");
    check_part("rekey_time=9s", "is not a time from 10 s to 30 d");
    check_part("rekey_time=31d", "is not a time from 10 s to 30 d");
    check_part("rekey_time=1w", "is not a time");
    check_part("rekey_time=-1", "is not a time");
    check_part("rekey_time=18446744073709551617", "is not a time");
    check_part("rekey_packets=4294967296", "is not a number from");
    check_part("rekeyfuzz=", "is not a percentage");
}

/* The names that swanctl.conf(5) of strongSwan 5.9.8 has for connections, for
 * their local and remote sections, and for children. */
static const char swanctl_names[] =
    "version local_addrs remote_addrs local_port remote_port proposals vips "
    "aggressive pull dscp encap mobike dpd_delay dpd_timeout fragmentation "
    "childless send_certreq send_cert ppk_id ppk_required keyingtries unique "
    "reauth_time rekey_time over_time rand_time pools if_id_in if_id_out "
    "mediation mediated_by mediation_peer local remote children "
    "round certs cert file handle slot module pubkeys auth id eap_id aaa_id "
    "xauth_id groups cert_policy cacerts cacert ca_id revocation "
    "ah_proposals esp_proposals sha256_96 local_ts remote_ts rekey_time "
    "life_time rand_time rekey_bytes life_bytes rand_bytes rekey_packets "
    "life_packets rand_packets updown hostaccess mode policies "
    "policies_fwd_out dpd_action ipcomp inactivity reqid priority interface "
    "mark_in mark_in_sa mark_out set_mark_in set_mark_out label label_mode "
    "tfc_padding replay_window hw_offload copy_df copy_ecn copy_dscp "
    "start_action close_action";

/* Those of conn sections in strongSwan's ipsec.conf, LEFT standing for left
 * and right. */
static const char strongswan_names[] =
    "aaa_identity aggressive ah also auth authby auto closeaction compress "
    "dpdaction dpddelay dpdtimeout inactivity eap eap_identity esp "
    "forceencaps fragmentation ike ikedscp ikelifetime installpolicy "
    "keyexchange keyingtries keylife lifebytes lifepackets lifetime "
    "marginbytes margintime marginpackets mark mark_in mark_out mobike "
    "modeconfig pfs pfsgroup reauth rekey rekeyfuzz rekeymargin "
    "replay_window reqid sha256_96 tfc type xauth xauth_identity mediation "
    "mediated_by me_peerid "
    "LEFT LEFTallowany LEFTauth LEFTauth2 LEFTca LEFTca2 LEFTcert LEFTcert2 "
    "LEFTcertpolicy LEFTdns LEFTfirewall LEFTgroups LEFTgroups2 "
    "LEFThostaccess LEFTid LEFTid2 LEFTikeport LEFTnexthop LEFTprotoport "
    "LEFTrsasigkey LEFTsendcert LEFTsigkey LEFTsourceip LEFTsubnet "
    "LEFTsubnetwithin LEFTupdown";

/* Those of libreswan's, old names included. */
static const char libreswan_names[] =
    "accept-redirect accept-redirect-to aggressive aggrmode ah also alsoflip "
    "auth authby auto cisco-unity cisco_unity cisco-split clientaddrfamily "
    "compress connaddrfamily connalias debug decap-dscp disablearrivalcheck "
    "dns-match-id dpdaction dpddelay dpdtimeout encap-dscp encapsulation "
    "enable-tcp esn esp failureshunt fake-strongswan forceencaps "
    "fragmentation hostaddrfamily ignore-peer-dns ike ike-frag ike_frag "
    "ike-sa-init-full-transcript-auth ikelifetime ikepad ikev2 "
    "initial-contact initial_contact intermediate ipsec-interface "
    "ipsec-lifetime ipsec-max-bytes ipsec-max-packets iptfs iptfs-drop-time "
    "iptfs-fragmentation iptfs-init-delay iptfs-max-queue-size "
    "iptfs-reorder-window keyexchange keyingtries keylife labeled-ipsec "
    "labeled_ipsec lifetime mark mark-in mark-out metric mobike "
    "modecfgbanner modecfgdns modecfgdns1 modecfgdns2 modecfgdomain "
    "modecfgdomains modecfgpull modecfgwins1 modecfgwins2 ms-dh-downgrade "
    "mtu narrowing nat-ikev1-method nat-keepalive nat_keepalive "
    "negotiationshunt nflog nflog-group nic-offload nm-configured "
    "nm_configured nopmtudisc overlapip pam-authorize pfs phase2 phase2alg "
    "policy-label policy_label ppk ppk-ids priority redirect-to "
    "reject-simultaneous-ike-auth rekey rekeyfuzz rekeymargin "
    "remote-peer-type remote_peer_type replay-window reqid "
    "require-id-on-certificate retransmit-interval retransmit-timeout "
    "salifetime sareftrack send-esp-tfc-padding-not-supported send-no-esp-tfc "
    "send-redirect send-vendorid send_vendorid sendca session-resumption "
    "sha2-truncbug sha2_truncbug share-lease tcp-remoteport tfc type "
    "vti-interface vti-routing vti-shared xauthby xauthfail x-comment "
    "LEFT LEFTaddresspool LEFTauth LEFTautheap LEFTca LEFTcert LEFTckaid "
    "LEFTcat LEFTecdsakey LEFTeddsakey LEFThost LEFTid LEFTikeport "
    "LEFTinterface-ip LEFTmodecfgclient LEFTmodecfgserver LEFTnexthop "
    "LEFTprotoport LEFTpubkey LEFTrsasigkey LEFTrsasigkey2 LEFTsendcert "
    "LEFTsourceip LEFTsubnet LEFTsubnets LEFTsubnetwithin LEFTupdown "
    "LEFTusername LEFTvti LEFTxauthclient LEFTxauthname LEFTxauthserver "
    "LEFTxauthusername";

/* Values that some setting takes. */
static const char *const some_values[] = {
    "yes", "no", "1", "10m", "50%", "/bin/true", "aes256gcm16", "%any",
    "trap", "drop", "null",
};

static void
check_refused(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(some_values); i++) {
        char *text = xasprintf("%s=%s", name, some_values[i]);
        char *expected = xasprintf(
            "options has \"ipsec_%s\", which is not one of the settings that "
            "a tunnel may have, listed in ovs-monitor-ipsec(8): remove it",
            name);

        check(text, expected);
        free(text);
        free(expected);
    }
}

/* Returns how many of 'names' are options.  All others are refused. */
static int
check_names(const char *names)
{
    char *copy = xstrdup(names);
    char *save = NULL;
    int n = 0;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        if (tunnel_options_has(word)) {
            n++;
        } else if (!strncmp(word, "LEFT", 4)) {
            char *left = xasprintf("left%s", word + 4);
            char *right = xasprintf("right%s", word + 4);

            check_refused(left);
            check_refused(right);
            free(left);
            free(right);
        } else {
            check_refused(word);
        }
    }
    free(copy);
    return n;
}

static void
test_names(void)
{
    static const char *const tricks[] = {
        "", "proposals ike", "PROPOSALS", "ike.", "proposals\n", "esp{",
        "ike_proposals", "local.id", "children.x.updown", "esp\xff",
    };

    /* "rekey_time" and "rand_time" are there twice. */
    CHECK(check_names(swanctl_names) == 20);
    CHECK(check_names(strongswan_names) == 18);
    CHECK(check_names(libreswan_names) == 21);
    for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
        CHECK(!tunnel_options_has(tricks[i]));
    }
}

/* Whatever comes, it is refused or comes out as letters, digits, hyphens and
 * commas of our own. */
static void
check_safe(const char *name, const char *value)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyz0123456789_-,: ;";
    struct smap smap = SMAP_INITIALIZER(&smap);
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct tunnel_options *options;
    char *error;

    smap_add_nocopy(&smap, xasprintf("ipsec_%s", name), xstrdup(value));
    error = tunnel_options_parse(&smap, &options);
    if (error) {
        CHECK(!options);
        CHECK(strlen(error) < 700);
        CHECK(strspn(error, " !#$%&'()*+,-./0123456789:;<=>?@[]^_`{|}~\"\\"
                     "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(error));
    } else {
        ds_put_cstr(&ds, "");
        tunnel_options_format(options, &ds);
        for (size_t i = 0; i < ds.length; i++) {
            CHECK(ds.string[i] == '\n' || strchr(good, ds.string[i]));
        }
        CHECK(!strstr(ds_cstr(&ds), "null"));
    }
    ds_destroy(&ds);
    free(error);
    tunnel_options_unref(options);
    smap_destroy(&smap);
}

/* A few good texts, and the bytes that may make them bad. */
static void
test_random(void)
{
    static const char *const names[] = {
        "ike", "esp", "rekey_time", "lifetime", "rekeyfuzz", "life_bytes",
        "encap", "replay_window", "updown", "",
    };
    static const char *const seeds[] = {
        "aes256gcm16-sha256-modp2048", "aes_gcm256;dh19,aes128-sha1", "3600",
        "10m", "100%", "yes", "null",
    };
    static const char noise[] = "-+;,! %{}\"'\\\n\r\t#=\x01\x7f\x80\xff/*09az";

    for (int i = 0; i < 20000; i++) {
        char value[64];
        size_t n;

        ovs_strlcpy(value, seeds[random_range(ARRAY_SIZE(seeds))],
                    sizeof value);
        n = strlen(value);
        for (int j = random_range(4); j > 0; j--) {
            value[random_range(n)] = noise[random_range(sizeof noise)];
        }
        check_safe(names[random_range(ARRAY_SIZE(names))], value);
    }

    char *huge = xmalloc(65537);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        for (const char *c = "a1,-\n\xff"; *c; c++) {
            memset(huge, *c, 65536);
            huge[65536] = '\0';
            check_safe(names[i], huge);
            check_safe(huge, names[i]);
        }
    }
    free(huge);
}

/* Every setting counts in comparing and hashing. */
static void
test_differ(void)
{
    static const char *const variants[] = {
        "", "ike=aes128-sha256-ecp256", "esp=aes128-sha256", "dpd_delay=1m",
        "encap=yes", "fragmentation=no", "replay_window=64",
        "ike_rekey_time=1h", "over_time=1m", "ike_rand_time=1m",
        "rekey_time=2h", "rekey_time=2h life_time=3h", "rand_time=1m",
        "rekey_bytes=1g", "rekey_bytes=1g life_bytes=2g",
        "rekey_bytes=1g rand_bytes=1k", "rekey_packets=1000000",
        "rekey_packets=1000000 life_packets=2000000", "rand_packets=1000",
    };
    struct tunnel_options *options[ARRAY_SIZE(variants)];

    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        struct smap smap = SMAP_INITIALIZER(&smap);
        char *copy = xasprintf("%s ", variants[i]);

        for (char *p = copy; *p && *p != ' '; p += strcspn(p, " ") + 1) {
            size_t name = strcspn(p, "=");
            size_t value = strcspn(p + name + 1, " ");

            smap_add_nocopy(&smap, xasprintf("ipsec_%.*s", (int) name, p),
                            xmemdup0(p + name + 1, value));
        }
        CHECK_STRING(tunnel_options_parse(&smap, &options[i]), NULL);
        CHECK(!options[i] == !i);
        smap_destroy(&smap);
        free(copy);
    }
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(variants); j++) {
            bool equal = (tunnel_options_equals(options[i], options[j],
                                                SETTING_IKE)
                          && tunnel_options_equals(options[i], options[j],
                                                   SETTING_ESP));

            CHECK(equal == (i == j));
            CHECK((tunnel_options_hash(options[i], 0)
                   == tunnel_options_hash(options[j], 0)) == (i == j));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        tunnel_options_unref(options[i]);
    }
}

void
unit_tunnel_options(void)
{
    test_proposals();
    test_bad_proposals();
    test_values();
    test_lifetimes();
    test_names();
    test_random();
    test_differ();
}

static char *
read_file(const char *name)
{
    FILE *file = name ? fopen(name, "r") : NULL;
    struct ds ds = DS_EMPTY_INITIALIZER;
    int c;

    if (!file) {
        ovs_fatal(errno, "%s: set MAN_PAGE to the manual page",
                  name ? name : "(null)");
    }
    while ((c = getc(file)) != EOF) {
        ds_put_char(&ds, c);
    }
    fclose(file);
    return ds_steal_cstr(&ds);
}

static void
put_roff(struct ds *out, const struct ds *in)
{
    for (size_t i = 0; i < in->length; i++) {
        ds_put_cstr(out, in->string[i] == '-' ? "\\-"
                    : (char[]) { in->string[i], '\0' });
    }
}

/* The manual page has every option, with all of its names and what it takes,
 * and no other one. */
void
unit_tunnel_options_man(void)
{
    char *page = read_file(getenv("MAN_PAGE"));
    size_t n = 0;

    for (;;) {
        struct ds names = DS_EMPTY_INITIALIZER;
        struct ds value = DS_EMPTY_INITIALIZER;
        struct ds entry = DS_EMPTY_INITIALIZER;
        bool more = tunnel_options_describe(n, &names, &value);

        if (more) {
            n++;
            ds_put_cstr(&entry, ".TP\n.B \"");
            put_roff(&entry, &names);
            ds_put_cstr(&entry, "\"\n");
            put_roff(&entry, &value);
            unit_check(strstr(page, ds_cstr(&entry)) != NULL,
                       OVS_SOURCE_LOCATOR, ds_cstr(&entry));
        }
        ds_destroy(&names);
        ds_destroy(&value);
        ds_destroy(&entry);
        if (!more) {
            break;
        }
    }

    size_t n_entries = 0;
    for (const char *p = page; (p = strstr(p, ".TP\n.B \"")); p++) {
        n_entries++;
    }
    CHECK(n_entries == n);
    free(page);
}
